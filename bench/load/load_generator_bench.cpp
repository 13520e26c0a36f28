// Requests a second that the load generator reaches against the smallest server there is, in one
// process: what it can ask of a system under test before it is itself what is measured.
//
//   load_generator_bench [seconds] [connections] [batch]
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "chaos/load/load.hpp"
#include "chaos/load/report.hpp"
#include "common/http/router.hpp"
#include "common/http/server.hpp"

namespace {

using namespace stormlog;

boost::asio::awaitable<http::Response> accept_all(http::Request&) {
  http::Response response = http::Response::json(202, R"({"accepted":1,"rejected":0,"errors":[]})");
  co_return response;
}

int argument(int argc, char** argv, int index, int otherwise) {
  return argc > index ? std::atoi(argv[index]) : otherwise;
}

int fail(const Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  boost::asio::io_context io(1);
  http::Router router;
  router.add("POST", "/logs", accept_all);
  http::Server server(io, std::move(router), {});
  if (Result<void> listening = server.listen("127.0.0.1:0"); !listening) {
    return fail(listening.error());
  }
  std::thread server_thread([&io] { io.run(); });

  chaos::SendSpec send;
  send.url = fmt::format("http://127.0.0.1:{}/logs", server.port());
  send.headers = {{"content-type", "application/json"}};
  send.event = R"({"id":"${id}","service":"load","key":"${key}","timestamp":"${time}",)"
               R"("body":"load ${seq} ${pad}","attributes":{"run":"${run}","seq":${seq}}})";
  send.rejected_list = "/errors";
  chaos::LoadSpec load;
  load.duration = std::chrono::seconds{argument(argc, argv, 1, 5)};
  load.concurrency = argument(argc, argv, 2, 100);
  load.batch = argument(argc, argv, 3, 1);

  const std::filesystem::path ledger =
      std::filesystem::temp_directory_path() / fmt::format("load-bench-{}.ledger", ::getpid());
  int exit_code = 0;
  {
    chaos::LoadGenerator generator(send, load, "bench", 1, ledger, SystemClock::instance().now());
    if (Result<void> started = generator.start(); !started) {
      exit_code = fail(started.error());
    } else {
      while (!generator.finished()) std::this_thread::sleep_for(std::chrono::milliseconds{50});
      if (Result<void> stopped = generator.stop(); !stopped) exit_code = fail(stopped.error());
      const chaos::LoadReport report =
          chaos::summarize(generator.take_samples(), generator.snapshot(), generator.errors());
      fmt::print("{}", to_text(report));
    }
  }
  std::filesystem::remove(ledger);
  io.stop();
  server_thread.join();
  return exit_code;
}
