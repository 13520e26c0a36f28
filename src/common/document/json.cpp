#include "common/document/json.hpp"

#include <nlohmann/json.hpp>

namespace stormlog::document {
namespace {

nlohmann::ordered_json scalar_to_json(const Node& node) {
  if (node.quoted) return node.scalar;
  auto parsed = nlohmann::ordered_json::parse(node.scalar, nullptr, false);
  if (parsed.is_number() || parsed.is_boolean()) return parsed;
  return node.scalar;
}

}  // namespace

nlohmann::ordered_json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::scalar:
      return scalar_to_json(node);
    case Node::Kind::list: {
      auto list = nlohmann::ordered_json::array();
      for (const auto& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Node::Kind::map:
      break;
  }
  auto map = nlohmann::ordered_json::object();
  for (const auto& [key, value] : node.entries) map[key.scalar] = to_json(value);
  return map;
}

}  // namespace stormlog::document
