#include "common/document/node.hpp"

namespace stormlog::document {

const Node* Node::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.scalar == key) return &value;
  }
  return nullptr;
}

std::string Node::place() const {
  const std::string name = file ? *file : std::string();
  if (line <= 0) return name;
  return name.empty() ? "line " + std::to_string(line) : name + ":" + std::to_string(line);
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
    case Node::Kind::scalar:
      break;
  }
  if (!node.quoted && !node.scalar.empty() &&
      node.scalar.find_first_not_of("+-.0123456789eE_") == std::string::npos &&
      node.scalar.find_first_of("0123456789") != std::string::npos) {
    return "a number";
  }
  return "text";
}

void Diagnostics::error(const Node& at, const std::string& message) {
  error(at.place(), message);
}

void Diagnostics::error(const std::string& place, const std::string& message) {
  messages_.push_back(place.empty() ? message : place + ": " + message);
}

std::string Diagnostics::text() const {
  std::string text;
  for (const auto& message : messages_) {
    if (!text.empty()) text += '\n';
    text += message;
  }
  return text;
}

Result<void> Diagnostics::result() const {
  if (ok()) return {};
  return Error::permanent(text());
}

}  // namespace stormlog::document
