// Sends one request again and again over kept-alive connections, and prints what came back as JSON.
//
//   pipeline_load --port 8080 --path /api/v1/logs --body FILE [--content-type TYPE]
//                 [--connections N] [--rate N] [--warm-up DURATION] [--seconds DURATION]
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "common/base/options.hpp"
#include "http_load.hpp"

namespace {

using namespace stormlog;
using std::chrono::milliseconds;

double microseconds(Nanoseconds value) {
  return std::chrono::duration<double, std::micro>(value).count();
}

void print(const bench::LoadResult& result) {
  std::string statuses;
  std::uint64_t requests = 0;
  for (const auto& [status, count] : result.by_status) {
    statuses += fmt::format("{}\"{}\":{}", statuses.empty() ? "" : ",", status, count);
    requests += count;
  }
  const double seconds = std::chrono::duration<double>(result.took).count();
  const double cpu = std::chrono::duration<double>(result.cpu).count();
  fmt::print(
      "{{\"requests\":{},\"seconds\":{:.4f},\"per_second\":{:.1f},\"status\":{{{}}},\"broken\":{},"
      "\"p50_us\":{:.1f},\"p90_us\":{:.1f},\"p99_us\":{:.1f},\"p999_us\":{:.1f},\"max_us\":{:.1f},"
      "\"client_cpu\":{:.4f}}}\n",
      requests, seconds, static_cast<double>(requests) / seconds, statuses, result.broken,
      microseconds(result.latency.quantile(0.5)), microseconds(result.latency.quantile(0.9)),
      microseconds(result.latency.quantile(0.99)), microseconds(result.latency.quantile(0.999)),
      microseconds(result.latency.max()), cpu / seconds);
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t port = 8080;
  std::int64_t connections = 100;
  std::string path = "/api/v1/logs";
  std::string body_file;
  std::string content_type = "application/json";
  milliseconds warm_up{1'000};
  milliseconds duration{5'000};
  bench::LoadConfig config;
  OptionTable options("pipeline_load", "PIPELINE_LOAD_", "The client of the pipeline's benchmark.");
  options.add("port", &port, {1, 65535}, "Port on 127.0.0.1.");
  options.add("path", &path, "TEXT", "Path that is asked for.");
  options.add("body", &body_file, "FILE",
              "The body; each 16 '#' in it become a fresh number, each \"%%%%\" the connection's.");
  options.add("content-type", &content_type, "TEXT", "The body's type.");
  options.add("connections", &connections, {1, 10'000}, "Connections, each with one request.");
  options.add(
      "rate", &config.rate, {0, 1e7},
      "Requests a second, evenly spaced, latency from the time they were due; 0: as fast as "
      "the answers come.");
  options.add("warm-up", &warm_up, {milliseconds(0), std::chrono::hours(1)},
              "Load that is not counted.");
  options.add("duration", &duration, {milliseconds(100), std::chrono::hours(1)},
              "Load that is counted.");
  if (const auto exit_code = options.parse(argc, argv, std::cout, std::cerr)) return *exit_code;
  std::ifstream file(body_file, std::ios::binary);
  if (!file) {
    std::cerr << "pipeline_load: --body " << body_file << " cannot be read\n";
    return 2;
  }
  const std::string body{std::istreambuf_iterator<char>(file), {}};
  config.port = static_cast<std::uint16_t>(port);
  config.connections = static_cast<int>(connections);
  config.warm_up = warm_up;
  config.duration = duration;
  config.request = fmt::format(
      "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
      path, port, content_type, body.size());
  config.request += body;
  print(bench::run_load(config));
  return 0;
}
