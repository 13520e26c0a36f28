#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/document/node.hpp"

namespace stormlog::document {

enum class ParamType {
  text,
  integer,
  number,
  boolean,
  duration,
  bytes,
  rate,
  text_list,
  text_map,  // names and their texts, as of header fields and environments
  node
};

// In the order in which they are written; a name without a value has "".
using TextMap = std::vector<std::pair<std::string, std::string>>;

using ParamValue = std::variant<std::string, std::int64_t, double, bool, Nanoseconds,
                                std::vector<std::string>, TextMap, Node>;

std::string_view to_string(ParamType type);

// The one definition of a parameter of a fault, probe or check: parsing, `stormlog describe` and
// the JSON Schema all come from it.
struct ParamSpec {
  std::string name;
  ParamType type = ParamType::text;
  bool required = false;
  std::string default_text = {};  // as a user would write it; "" = absent
  std::string description = {};   // one sentence, with the unit where it has one
  std::vector<std::string> choices = {};
  std::optional<double> min = {};  // of durations in seconds, of sizes in bytes, of rates a second
  std::optional<double> max = {};
};

// Parsed parameters. Asking for a name that has no spec, or with the wrong type, is a bug (assert).
class Params {
 public:
  bool has(const std::string& name) const;  // given, or with a default
  const std::string& text(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  double number(const std::string& name) const;
  bool boolean(const std::string& name) const;
  Nanoseconds duration(const std::string& name) const;
  std::uint64_t bytes(const std::string& name) const;
  double rate(const std::string& name) const;
  const std::vector<std::string>& text_list(const std::string& name) const;
  const TextMap& text_map(const std::string& name) const;
  const Node& node(const std::string& name) const;

  // {"for":"10s"}: as the user wrote it, for journals.
  nlohmann::ordered_json to_json() const;

 private:
  friend Params parse_params(const Node&, const std::vector<ParamSpec>&,
                             const std::vector<std::string>&, const std::string&, Diagnostics&);
  std::map<std::string, ParamValue> values_;
  std::map<std::string, std::string> written_;
};

// Reads the entries of a map by their specs. Unknown keys (other than `other_keys`, which somebody
// else reads), wrong types, bounds and choices are reported with file:line and "did you mean".
// `what` names the thing in messages: `fault "service_kill"`.
Params parse_params(const Node& map, const std::vector<ParamSpec>& specs,
                    const std::vector<std::string>& other_keys, const std::string& what,
                    Diagnostics& diagnostics);

// The same from "key=value" words of a command line.
Result<Params> parse_params(const std::vector<std::string>& words,
                            const std::vector<ParamSpec>& specs, const std::string& what);

}  // namespace stormlog::document
