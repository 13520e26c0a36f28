#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace stormlog::document {

// One value of a YAML (or JSON) document, with its place, so that every complaint about it can say
// file and line. A plain tree without the library that parsed it.
struct Node {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  std::string scalar;   // as written, without quotes; anchors, aliases and merge keys are resolved
  bool quoted = false;  // "5" in quotes is text, 5 is a number
  std::vector<Node> items;
  struct Entry;
  std::vector<Entry> entries;               // in the order of the file; keys are scalars
  std::shared_ptr<const std::string> file;  // as given to parse
  int line = 0;                             // from 1

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }

  // The value of a key of a map, or null.
  const Node* find(std::string_view key) const;
  std::string place() const;  // "experiments/a.yaml:12"
};

struct Node::Entry {
  Node key;
  Node value;
};

// "text", "a number", "a list", "a map", "nothing": for messages.
std::string_view kind_name(const Node& node);

// Collects what is wrong with a document, so that a user sees all of it at once.
class Diagnostics {
 public:
  void error(const Node& at, const std::string& message);
  void error(const std::string& place, const std::string& message);
  bool ok() const { return messages_.empty(); }
  const std::vector<std::string>& messages() const { return messages_; }
  // All messages, one a line.
  std::string text() const;
  Result<void> result() const;

 private:
  std::vector<std::string> messages_;
};

// Parses one document. Duplicate keys, several documents, tabs and the like are errors with
// file:line. `name` is what messages call the file.
Result<Node> parse_yaml(const std::string& text, const std::string& name);
Result<Node> load_yaml(const std::filesystem::path& path);

using Variables = std::map<std::string, std::string>;

// Replaces ${name} in a text; "$${" stands for "${". An unknown name is an error with "did you
// mean"; a name with ':-' has a default: ${HOME_DIR:-/tmp}. Names that start with "env." read the
// environment: ${env.PGPASSWORD}.
Result<std::string> substitute(std::string_view text, const Variables& variables);
// The same in every scalar of a tree (keys stay). Names in `later` are left as they stand, for a
// later substitution (such as ${id} in an event template).
void substitute(Node& node, const Variables& variables, Diagnostics& diagnostics,
                const std::vector<std::string>& later = {});

}  // namespace stormlog::document
