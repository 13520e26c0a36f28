#include "proxy/api/toxiproxy_api.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "common/base/random.hpp"
#include "common/base/version.hpp"
#include "proxy/api/proxy_json.hpp"

namespace stormlog::proxy {
namespace {

using http::Request;
using http::Response;
using Answer = asio::awaitable<Response>;

// As Go's encoder: no spaces, and U+FFFD for what is no UTF-8: an error may quote a body that is
// none.
std::string json_text(const Json& body) {
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Response json_answer(int status, const Json& body) {
  return Response::json(status, json_text(body));
}

int status_of(const Error& error) {
  return error.code.size() == 3 ? std::stoi(error.code) : 500;
}

Response plain(int status, std::string body) {
  Response response = Response::text(status, std::move(body));
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.headers.set("X-Content-Type-Options", "nosniff");
  return response;
}

// JSON under text/plain with a newline: what Go's http.Error makes of it, and clients are used to.
Response error_answer(const Error& error) {
  const int status = status_of(error);
  return plain(status, json_text({{"error", error.message}, {"status", status}}) + "\n");
}

Response no_content() {
  Response response;
  response.status = 204;
  return response;
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string new_request_id() {
  static Random random(Random::entropy_seed());
  std::string id;
  for (int i = 0; i < 20; ++i) id += "0123456789abcdefghijklmnopqrstuv"[random.below(32)];
  return id;
}

template <typename List>
auto find_in(List& toxics, const Request& request) {
  return std::find_if(toxics.begin(), toxics.end(), [&](const auto& toxic) {
    return toxic->name == request.path_param("toxic");
  });
}

// The routes; a member function each.
class Api {
 public:
  Api(ProxySet& proxies, EventStream& events, ApiOptions options)
      : proxies_(proxies), events_(events), options_(std::move(options)) {}

  // An answer instead of the route's.
  std::optional<Response> refuse(const Request& request) const {
    // A page in a browser may send requests to loopback; no browser has business here.
    if (request.headers.get("User-Agent").starts_with("Mozilla/")) {
      return plain(403, "User agent not allowed\n");
    }
    if (options_.token.empty() || request.path() == "/version") return std::nullopt;
    const std::string_view given = request.headers.get("Authorization");
    constexpr std::string_view kScheme = "Bearer ";
    if (given.starts_with(kScheme) && same_secret(given.substr(kScheme.size()), options_.token)) {
      return std::nullopt;
    }
    Response response =
        error_answer(Error::permanent("a token is needed: Authorization: Bearer <token>", "401"));
    response.headers.set("WWW-Authenticate", "Bearer");
    return response;
  }

  Answer version(Request&) {
    co_return Response::json(200, Json{{"version", program_version()}}.dump());
  }

  Answer list(Request&) {
    Json all = Json::object();
    for (const auto& [name, proxy] : proxies_.all()) all[name] = to_json(*proxy);
    co_return json_answer(200, all);
  }

  Answer create(Request& request) {
    const auto body = parse_json(request.body);
    if (!body.ok()) co_return error_answer(body.error());
    auto input = read_new_proxy(*body);
    if (!input.ok()) co_return error_answer(input.error());
    const auto proxy = co_await proxies_.create(std::move(*input));
    if (!proxy.ok()) co_return error_answer(proxy.error());
    co_return json_answer(201, to_json(**proxy));
  }

  Answer populate(Request& request) {
    const auto body = parse_json(request.body);
    auto inputs = body.ok() ? read_proxies(*body) : body.error();
    ProxySet::Populated done;
    if (inputs.ok()) {
      done = co_await proxies_.populate(std::move(*inputs));
    } else {
      done.error = inputs.error();
    }
    Json list = nullptr;
    for (const auto& proxy : done.proxies) list.push_back(to_json(*proxy));
    if (!done.error) co_return json_answer(201, {{"proxies", list}});
    const int status = status_of(*done.error);
    co_return json_answer(status,
                          {{"error", done.error->message}, {"status", status}, {"proxies", list}});
  }

  Answer show(Request& request) {
    const auto proxy = find(request);
    if (!proxy) co_return error_answer(proxy_not_found());
    co_return json_answer(200, to_json(*proxy));
  }

  Answer update(Request& request) {
    const auto proxy = find(request);
    if (!proxy) co_return error_answer(proxy_not_found());
    const auto body = parse_json(request.body);
    if (!body.ok()) co_return error_answer(body.error());
    auto input = read_proxy(
        *body, {proxy->name, proxy->listen, proxy->upstream, proxy->enabled(), {}, {}}, false);
    if (!input.ok()) co_return error_answer(input.error());
    const auto updated = co_await proxies_.update(proxy->name, std::move(*input));
    if (!updated.ok()) co_return error_answer(updated.error());
    co_return json_answer(200, to_json(**updated));
  }

  Answer remove(Request& request) {
    const auto removed = co_await proxies_.remove(name_of(request));
    if (!removed.ok()) co_return error_answer(removed.error());
    co_return no_content();
  }

  Answer list_toxics(Request& request) {
    const auto proxy = find(request);
    if (!proxy) co_return error_answer(proxy_not_found());
    co_return json_answer(200, to_json(proxy->toxics));
  }

  Answer add_toxic(Request& request) {
    const auto proxy = find(request);
    if (!proxy) co_return error_answer(proxy_not_found());
    const auto body = parse_json(request.body);
    if (!body.ok()) co_return error_answer(body.error());
    const ProxySet::Change add = [&](Toxics& toxics) -> Result<std::shared_ptr<const Toxic>> {
      auto toxic = read_new_toxic(*body, toxics, proxies_.next_toxic_id());
      if (!toxic.ok()) return toxic.error();
      toxic->first = proxy->history->accepted.load(std::memory_order_relaxed);
      if (toxics.size() >= proxies_.limits().toxics) {
        return Error::permanent(
            "a proxy can have no more than " + std::to_string(toxics.size()) + " toxics", "400");
      }
      toxics.push_back(std::make_shared<const Toxic>(std::move(*toxic)));
      return toxics.back();
    };
    const auto added = co_await proxies_.change_toxics(name_of(request), add);
    co_return answer_toxic(added);
  }

  Answer show_toxic(Request& request) {
    const auto proxy = find(request);
    if (!proxy) co_return error_answer(proxy_not_found());
    const auto toxic = find_in(proxy->toxics, request);
    if (toxic == proxy->toxics.end()) co_return error_answer(toxic_not_found());
    co_return json_answer(200, to_json(**toxic));
  }

  Answer update_toxic(Request& request) {
    if (!find(request)) co_return error_answer(proxy_not_found());
    const ProxySet::Change change = [&](Toxics& toxics) -> Result<std::shared_ptr<const Toxic>> {
      const auto toxic = find_in(toxics, request);
      if (toxic == toxics.end()) return toxic_not_found();
      const auto body = parse_json(request.body);
      if (!body.ok()) return body.error();
      auto changed = read_changed_toxic(*body, **toxic);
      if (!changed.ok()) return changed.error();
      *toxic = std::make_shared<const Toxic>(std::move(*changed));
      return *toxic;
    };
    const auto changed = co_await proxies_.change_toxics(name_of(request), change);
    co_return answer_toxic(changed);
  }

  Answer remove_toxic(Request& request) {
    const ProxySet::Change take_away = [&](Toxics& toxics) -> Result<std::shared_ptr<const Toxic>> {
      const auto toxic = find_in(toxics, request);
      if (toxic == toxics.end()) return toxic_not_found();
      auto gone = *toxic;
      toxics.erase(toxic);
      return gone;
    };
    const auto removed = co_await proxies_.change_toxics(name_of(request), take_away);
    if (!removed.ok()) co_return error_answer(removed.error());
    co_return no_content();
  }

  Answer canary(Request& request) {
    const auto proxy = find(request);
    if (!proxy) co_return error_answer(proxy_not_found());
    const auto body = parse_json(request.body);
    if (!body.ok()) co_return error_answer(body.error());
    const auto canary = read_canary(*body);
    if (!canary.ok()) co_return error_answer(canary.error());
    if (!proxy->running) co_return error_answer(Error::permanent("proxy is disabled", "409"));
    const bool taken = proxy->running->core->canaries.announce(
        canary->client.text(), canary->upstream, SystemClock::instance().now());
    if (!taken) co_return error_answer(Error::retriable("too many canaries wait", "429"));
    co_return no_content();
  }

  Answer reset(Request&) {
    const auto done = co_await proxies_.reset();
    if (!done.ok()) co_return error_answer(done.error());
    co_return no_content();
  }

  EventStream& events() { return events_; }

 private:
  static Error proxy_not_found() { return Error::permanent("proxy not found", "404"); }
  static Error toxic_not_found() { return Error::permanent("toxic not found", "404"); }

  static std::string name_of(const Request& request) {
    return std::string(request.path_param("proxy"));
  }
  std::shared_ptr<Proxy> find(const Request& request) const {
    return proxies_.find(name_of(request));
  }
  static Response answer_toxic(const Result<std::shared_ptr<const Toxic>>& toxic) {
    if (!toxic.ok()) return error_answer(toxic.error());
    return json_answer(200, to_json(**toxic));
  }

  ProxySet& proxies_;
  EventStream& events_;
  ApiOptions options_;
};

// As Go's router: nothing in the body of a 405, plain words in that of a 404.
Response unmatched(const Request&, const std::string& allowed) {
  if (allowed.empty()) return plain(404, "404 page not found\n");
  Response response;
  response.status = 405;
  response.headers.set("Allow", allowed);
  return response;
}

}  // namespace

void add_toxiproxy_api(http::Router& router, ProxySet& proxies, EventStream& events,
                       const ApiOptions& options) {
  const auto api = std::make_shared<Api>(proxies, events, options);
  using Method = Answer (Api::*)(Request&);
  const auto add = [&](const char* verb, const char* path, Method method) {
    router.add(verb, path, [api, method](Request& request) -> Answer {
      std::optional<Response> response = api->refuse(request);
      if (!response) response = co_await ((*api).*method)(request);
      response->headers.set("X-Toxiproxy-Request-Id", new_request_id());
      co_return std::move(*response);
    });
  };
  add("GET", "/version", &Api::version);
  add("GET", "/proxies", &Api::list);
  add("POST", "/proxies", &Api::create);
  add("POST", "/populate", &Api::populate);
  add("POST", "/reset", &Api::reset);
  add("GET", "/proxies/{proxy}", &Api::show);
  add("DELETE", "/proxies/{proxy}", &Api::remove);
  add("POST", "/proxies/{proxy}/canary", &Api::canary);
  add("GET", "/proxies/{proxy}/toxics", &Api::list_toxics);
  add("POST", "/proxies/{proxy}/toxics", &Api::add_toxic);
  add("GET", "/proxies/{proxy}/toxics/{toxic}", &Api::show_toxic);
  add("DELETE", "/proxies/{proxy}/toxics/{toxic}", &Api::remove_toxic);
  for (const char* verb : {"POST", "PATCH"}) {
    add(verb, "/proxies/{proxy}", &Api::update);
    add(verb, "/proxies/{proxy}/toxics/{toxic}", &Api::update_toxic);
  }
  router.add_stream(
      "GET", "/events",
      [api](Request& request) -> asio::awaitable<std::pair<Response, http::Stream>> {
        if (auto refused = api->refuse(request)) co_return std::pair(std::move(*refused), nullptr);
        Response head;
        head.headers.set("Content-Type", "text/event-stream");
        head.headers.set("Cache-Control", "no-store");
        co_return std::pair(
            std::move(head),
            [api, last = std::string(request.headers.get("Last-Event-ID"))](
                http::StreamWriter& writer) { return api->events().serve(writer, last); });
      });
  router.answer_unmatched(unmatched);
}

}  // namespace stormlog::proxy
