// The proxy's API: requests one after another through the routes that serve it, on a set of proxies
// that changes with them. Whatever comes is answered, an answer is JSON where it says so, a refused
// request changes nothing, and what is shown is taken again.
//
// The input is lines of METHOD PATH BODY. Proxies stay disabled and listen on literal addresses:
// nothing is opened and no name is looked up.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <utility>

#include "fuzz.hpp"
#include "proxy/api/proxy_json.hpp"
#include "proxy/api/toxiproxy_api.hpp"

namespace stormlog::proxy {
namespace {

bool is_key(const std::string& key, std::string_view wanted) {
  return std::equal(key.begin(), key.end(), wanted.begin(), wanted.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

// One proxy of a body: disabled, and its addresses literal. What is of the wrong type stays.
void tame(Json& proxy) {
  if (!proxy.is_object()) return;
  Json kept = Json::object();
  Json enabled = false;
  for (auto one = proxy.begin(); one != proxy.end(); ++one) {
    const Json& value = one.value();
    if (is_key(one.key(), "enabled")) {
      if (one.key() == "enabled" && !value.is_null() && !value.is_boolean()) enabled = value;
    } else if (is_key(one.key(), "listen") && value.is_string() &&
               literal_address(value.get<std::string>()).empty()) {
      kept[one.key()] = "127.0.0.1:0";
    } else {
      kept[one.key()] = value;
    }
  }
  kept["enabled"] = enabled;
  proxy = std::move(kept);
}

std::string tamed(std::string_view body) {
  auto json = parse_json(body);
  if (!json.ok()) return std::string(body);
  tame(*json);
  if (json->is_array()) {
    for (auto& one : *json) tame(one);
  }
  return json->dump();
}

class Server {
 public:
  Server() : set_(engine(), 1, {.proxies = 8, .toxics = 8}) {
    add_toxiproxy_api(router_, set_, events(), {});
  }

  void line(std::string_view text) {
    http::Request request;
    for (std::string* part : {&request.method, &request.target}) {
      *part = text.substr(0, text.find(' '));
      text.remove_prefix(std::min(text.size(), part->size() + 1));
    }
    // Enables all that there is.
    if (request.path() == "/reset") return;
    request.body = tamed(text);
    const http::Response response = answer(request);
    check(request, response);
    const std::string before = std::exchange(shown_, shown());
    const bool refused = response.status >= 400;
    // Those of a list that were taken before the one that was refused stay, as in Toxiproxy.
    if (refused && request.path() != "/populate") FUZZ_CHECK(shown_ == before);
    if (shown_ != before) check_shown();
  }

 private:
  // Threads that wait, and no more, while nothing is enabled: one for all inputs.
  static EventStream& events() {
    static auto* events = new EventStream(SystemClock::instance());
    return *events;
  }
  static Engine& engine() {
    static auto* engine = new Engine(1, {}, &events());
    return *engine;
  }

  http::Response answer(http::Request& request) {
    http::Response response;
    const http::Route* route = router_.match(request, response);
    if (route == nullptr || !route->handler) return response;
    static asio::io_context context{1};
    bool answered = false;
    asio::co_spawn(
        context, [&]() { return route->handler(request); },
        [&](std::exception_ptr error, http::Response given) {
          if (error) std::rethrow_exception(error);
          response = std::move(given);
          answered = true;
        });
    context.restart();
    context.run();
    FUZZ_CHECK(answered);
    return response;
  }

  static void check(const http::Request& request, const http::Response& response) {
    FUZZ_CHECK(response.status >= 200 && response.status < 600);
    // Nothing that a client sends is an error of the server, as long as nothing is opened.
    FUZZ_CHECK(response.status < 500);
    if (response.status == 400 || response.status == 409) {
      const auto body = parse_json(response.body);
      FUZZ_CHECK(body.ok());
      FUZZ_CHECK(body->at("status") == response.status);
      FUZZ_CHECK(!body->at("error").get<std::string>().empty());
    }
    if (response.status == 201 || (response.status == 200 && request.path() != "/events")) {
      FUZZ_CHECK(parse_json(response.body).ok());
    }
  }

  std::string shown() {
    http::Request request;
    request.method = "GET";
    request.target = "/proxies";
    return answer(request).body;
  }
  void check_shown() {
    const auto all = parse_json(shown_);
    FUZZ_CHECK(all.ok());
    for (const auto& proxy : *all) {
      FUZZ_CHECK(read_new_proxy(proxy).ok());
      for (const auto& toxic : proxy.at("toxics")) {
        const auto again = read_new_toxic(toxic, {}, 1);
        FUZZ_CHECK(again.ok());
        FUZZ_CHECK(to_json(*again) == toxic);
      }
    }
  }

  http::Router router_;
  ProxySet set_;
  std::string shown_ = "{}";
};

}  // namespace
}  // namespace stormlog::proxy

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  stormlog::fuzz::Input input(data, size);
  stormlog::proxy::Server server;
  while (!input.empty()) server.line(input.line());
  return 0;
}
