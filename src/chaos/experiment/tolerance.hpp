#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/document/node.hpp"

namespace stormlog::chaos {

// What is expected of a probe's value. Written as a map:
//
//   {max: 5000}  {min: 1, max: 10}  {equals: 3}        of the member `value`
//   {status: 200}  {status: [200, 204]}                 equality with a member, or one of a list
//   {body: {matches: "regex"}}  {body: {contains: x}}   conditions on a member
//   {json: {/status: UP, /items/0/lag: {max: 5}}}       JSON pointers into a JSON body
//
// All conditions must hold. A condition on a member that the value lacks does not hold.
//
// Threads: immutable after parse().
class Tolerance {
 public:
  // Reports mistakes with file:line.
  static Tolerance parse(const document::Node& expect, document::Diagnostics& diagnostics);

  bool empty() const { return conditions_.empty(); }
  bool holds(const nlohmann::ordered_json& value) const;
  // What was seen of the members that are judged: `status 503, value 12`.
  std::string seen(const nlohmann::ordered_json& value) const;
  // As the user wrote it: `{"status":200}`.
  const std::string& text() const { return text_; }

 private:
  struct Condition;
  static void parse_member(const std::string& member, const document::Node& node,
                           document::Diagnostics& diagnostics, Tolerance& into);
  std::vector<std::shared_ptr<const Condition>> conditions_;
  std::string text_;
};

}  // namespace stormlog::chaos
