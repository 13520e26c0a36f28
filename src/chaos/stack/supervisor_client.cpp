#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "chaos/stack/service_state.hpp"
#include "chaos/stack/supervisor_socket.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr milliseconds kShort{5'000};

struct Connection {
  int fd = -1;
  std::string input;
  ~Connection() { ::close(fd); }

  // The next line; empty text when the deadline has passed.
  Result<std::string> line(MonotonicTime deadline) {
    while (true) {
      const std::size_t end = input.find('\n');
      if (end != std::string::npos) {
        std::string text = input.substr(0, end);
        input.erase(0, end + 1);
        return text;
      }
      const auto left = std::chrono::ceil<milliseconds>(deadline - SystemClock::instance().now());
      pollfd poll_fd{fd, POLLIN, 0};
      const auto wait = std::clamp<std::int64_t>(left.count(), 0, 3'600'000);
      const int ready = ::poll(&poll_fd, 1, static_cast<int>(wait));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return std::string();
      std::array<char, 4096> buffer;
      const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        return Error::retriable("the supervisor ended before it answered; see its log", "GONE");
      }
      input.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
};

ServicePhase phase_from(const std::string& text) {
  for (const auto phase : {ServicePhase::starting, ServicePhase::running, ServicePhase::unhealthy,
                           ServicePhase::backing_off, ServicePhase::crash_loop,
                           ServicePhase::failed, ServicePhase::held}) {
    if (to_string(phase) == text) return phase;
  }
  return ServicePhase::stopped;
}

Error error_from(const Json& json) {
  const std::string kind = json.at("kind");
  return {kind == "retriable" ? ErrorKind::retriable
          : kind == "fatal"   ? ErrorKind::fatal
                              : ErrorKind::permanent,
          json.at("error"), json.at("code")};
}

Result<void> without_value(const Result<std::string>& result) {
  if (!result.ok()) return result.error();
  return {};
}

}  // namespace

Result<std::string> SupervisorClient::call(const std::string& line, milliseconds timeout,
                                           const OnStackProgress& progress) const {
  // Near the end of time no deadline can be added to.
  const bool bounded = timeout < milliseconds::max();
  const auto fd = connect_supervisor(home_);
  if (!fd.ok()) {
    return Error::retriable("no supervisor runs for " + home_.string() +
                                " (stormlog up starts it): " + fd.error().message,
                            "NO_SUPERVISOR");
  }
  Connection connection{*fd, {}};
  const std::string request = line + "\n";
  if (::send(*fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return Error::retriable("cannot send to the supervisor: " + std::string(strerror(errno)));
  }
  const MonotonicTime deadline =
      bounded ? SystemClock::instance().now() + timeout : MonotonicTime::max();
  while (true) {
    auto answer = connection.line(deadline);
    if (!answer.ok()) return answer.error();
    if (answer->empty() && !bounded) continue;
    if (answer->empty()) {
      return Error::retriable(
          "the supervisor did not answer within " + units::format_duration(timeout), "TIMEOUT");
    }
    try {
      const Json json = Json::parse(*answer);
      if (json.contains("ok")) {
        if (json.at("ok").get<bool>()) return *answer;
        return error_from(json);
      }
      if (!progress) continue;
      const Json& step = json.at("progress");
      progress({step.at("service"), phase_from(step.at("phase")),
                milliseconds{step.at("elapsed_ms").get<std::int64_t>()}, step.at("pid"),
                step.at("note")});
    } catch (const Json::exception& e) {
      return Error::permanent("the supervisor's answer is not understood: " +
                              std::string(e.what()));
    }
  }
}

bool SupervisorClient::running() const {
  return call(Json{{"command", "ping"}}.dump(), kShort).ok();
}

Result<void> SupervisorClient::up(const UpRequest& request, const OnStackProgress& progress) const {
  Json json = {{"command", "up"},
               {"services", request.services},
               {"stack_file", request.stack_file.string()},
               {"profiles", request.profiles},
               {"variables", Json::object()},
               {"wait", request.wait}};
  for (const auto& [name, value] : request.variables) json["variables"][name] = value;
  return without_value(call(json.dump(), milliseconds::max(), progress));
}

Result<void> SupervisorClient::down(const OnStackProgress& progress) const {
  return without_value(call(Json{{"command", "down"}}.dump(), milliseconds::max(), progress));
}

Result<void> SupervisorClient::restart(const std::string& service, milliseconds timeout) {
  const Json json = {{"command", "restart"}, {"service", service}};
  return without_value(call(json.dump(), timeout));
}

Result<void> SupervisorClient::hold(const std::string& service, const std::string& fault_id,
                                    milliseconds ttl) {
  const Json json = {
      {"command", "hold"}, {"service", service}, {"fault", fault_id}, {"ttl_ms", ttl.count()}};
  return without_value(call(json.dump(), kShort));
}

Result<void> SupervisorClient::release(const std::string& service, const std::string& fault_id) {
  const Json json = {{"command", "release"}, {"service", service}, {"fault", fault_id}};
  return without_value(call(json.dump(), kShort));
}

}  // namespace stormlog::chaos
