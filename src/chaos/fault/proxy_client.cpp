#include "chaos/fault/proxy_client.hpp"

#include <cstdlib>

#include "common/http/curl_client.hpp"

namespace stormlog::chaos {
namespace {

constexpr std::chrono::milliseconds kPatience{3'000};

std::string path_of(const std::string& proxy, const std::string& toxic = {}) {
  std::string path = "/proxies/" + http::percent_encode(proxy);
  if (!toxic.empty()) path += "/toxics/" + http::percent_encode(toxic);
  return path;
}

}  // namespace

Result<ProxyClient> ProxyClient::of(const Stack& stack) {
  if (!stack.proxy) {
    return Error::permanent(stack.file.string() +
                            ": it has no `proxy`, so nothing can act on its links: proxy: {api: "
                            "\"http://127.0.0.1:8474\"}");
  }
  return ProxyClient(stack.proxy->api);
}

Result<ProxyClient::Json> ProxyClient::call(const std::string& method, const std::string& path,
                                            const Json& body) const {
  http::FetchRequest request;
  request.method = method;
  request.url = api_ + path;
  request.connect_timeout = kPatience;
  request.timeout = kPatience;
  if (!body.is_null()) {
    request.body = body.dump();
    request.headers.set("Content-Type", "application/json");
  }
  if (const char* token = std::getenv("STORMLOG_PROXY_TOKEN"); token != nullptr && *token != 0) {
    request.headers.set("Authorization", std::string("Bearer ") + token);
  }
  const auto response = http::fetch(request);
  if (!response.ok()) return response.error().in("proxy");
  const Json answer = Json::parse(response->body, nullptr, false);
  if (response->status >= 200 && response->status < 300) return answer;
  const std::string why = answer.is_object() ? answer.value("error", "") : "";
  return Error::permanent("proxy: " + method + " " + path + " is answered " +
                              std::to_string(response->status) + (why.empty() ? "" : ": " + why),
                          std::to_string(response->status));
}

Result<ProxyClient::Json> ProxyClient::proxy(const std::string& name) const {
  return call("GET", path_of(name), nullptr);
}

Result<void> ProxyClient::add_proxy(const std::string& name, const std::string& listen,
                                    const std::string& upstream) const {
  const auto made =
      call("POST", "/proxies", {{"name", name}, {"listen", listen}, {"upstream", upstream}});
  return made.ok() ? Result<void>{} : made.error();
}

Result<void> ProxyClient::remove(const std::string& path) const {
  const auto gone = call("DELETE", path, nullptr);
  return gone.ok() || gone.error().code == "404" ? Result<void>{} : gone.error();
}

Result<void> ProxyClient::remove_proxy(const std::string& name) const {
  return remove(path_of(name));
}

Result<void> ProxyClient::add_toxic(const std::string& proxy, const Json& toxic) const {
  const auto made = call("POST", path_of(proxy) + "/toxics", toxic);
  return made.ok() ? Result<void>{} : made.error();
}

Result<void> ProxyClient::remove_toxic(const std::string& proxy, const std::string& toxic) const {
  return remove(path_of(proxy, toxic));
}

Result<bool> ProxyClient::knows_canaries(const std::string& proxy) const {
  // A canary that says nothing is refused with another code where canaries are known.
  const auto told = call("POST", path_of(proxy) + "/canary", Json::object());
  if (told.ok() || told.error().code == "400") return true;
  if (told.error().code == "404" || told.error().code == "405") return false;
  return told.error();
}

Result<void> ProxyClient::announce_canary(const std::string& proxy, const std::string& client,
                                          const std::string& upstream) const {
  const auto told =
      call("POST", path_of(proxy) + "/canary", {{"client", client}, {"upstream", upstream}});
  return told.ok() ? Result<void>{} : told.error();
}

}  // namespace stormlog::chaos
