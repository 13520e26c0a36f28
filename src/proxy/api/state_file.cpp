#include "proxy/api/state_file.hpp"

#include "common/base/file.hpp"
#include "proxy/api/proxy_json.hpp"

namespace stormlog::proxy {
namespace {

Result<Toxics> read_toxics(const Json& list, ProxySet& proxies) {
  Toxics toxics;
  if (!list.is_array()) return Error::permanent("\"toxics\" must be an array");
  for (const auto& one : list) {
    auto toxic = read_new_toxic(one, toxics, proxies.next_toxic_id());
    if (!toxic.ok()) return toxic.error();
    toxics.push_back(std::make_shared<const Toxic>(std::move(*toxic)));
  }
  return toxics;
}

}  // namespace

Result<std::vector<ProxyInput>> read_state(const std::filesystem::path& file, ProxySet& proxies) {
  const auto text = file::read(file);
  if (!text.ok()) return text.error();
  const auto body = parse_json(*text);
  if (!body.ok()) return body.error().in(file.string());
  if (!body->is_object() || !body->contains("proxies")) {
    return Error::permanent(file.string() + ": it must be an object with \"proxies\"");
  }
  auto inputs = read_proxies((*body)["proxies"]);
  if (!inputs.ok()) return inputs.error().in(file.string());
  for (std::size_t i = 0; i < inputs->size(); ++i) {
    auto toxics = read_toxics((*body)["proxies"][i].value("toxics", Json::array()), proxies);
    if (!toxics.ok()) {
      return toxics.error().in(file.string() + ": proxy " + (*inputs)[i].name);
    }
    (*inputs)[i].toxics = std::move(*toxics);
  }
  return inputs;
}

Result<void> write_state(const std::filesystem::path& file, const ProxySet& proxies) {
  Json list = Json::array();
  for (const auto& [name, proxy] : proxies.all()) list.push_back(to_json(*proxy));
  return file::write_atomic(file, Json{{"proxies", list}}.dump(2) + "\n");
}

Result<std::vector<ProxyInput>> read_config(const std::filesystem::path& file) {
  const auto text = file::read(file);
  if (!text.ok()) return text.error();
  const auto body = parse_json(*text);
  if (!body.ok()) return body.error().in(file.string());
  auto inputs = read_proxies(*body);
  if (!inputs.ok()) return inputs.error().in(file.string());
  return inputs;
}

}  // namespace stormlog::proxy
