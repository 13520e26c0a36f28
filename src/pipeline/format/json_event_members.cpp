#include "pipeline/format/json_event_members.hpp"

#include <array>
#include <utility>

namespace stormlog::pipeline {
namespace {

// By their length, so that a name is compared with few of them.
constexpr std::array<std::pair<std::string_view, Field>, 18> kFields = {
    {{"id", Field::id},
     {"key", Field::key},
     {"body", Field::body},
     {"level", Field::severity},
     {"scope", Field::scope},
     {"message", Field::body},
     {"service", Field::service},
     {"span_id", Field::span_id},
     {"severity", Field::severity},
     {"trace_id", Field::trace_id},
     {"resource", Field::resource},
     {"timestamp", Field::timestamp},
     {"attributes", Field::attributes},
     {"event_name", Field::event_name},
     {"trace_flags", Field::trace_flags},
     {"severity_text", Field::severity_text},
     {"severity_number", Field::severity_number},
     {"observed_timestamp", Field::observed_timestamp}}};
constexpr std::size_t kLongestField = kFields.back().first.size();

// Of each length the first that is not shorter.
constexpr auto kFirstOfLength = [] {
  std::array<std::size_t, kLongestField + 2> first{};
  for (std::size_t length = 0; length < first.size(); ++length) {
    while (first[length] < kFields.size() && kFields[first[length]].first.size() < length) {
      ++first[length];
    }
  }
  return first;
}();

}  // namespace

Field field_of(std::string_view name) {
  if (name.size() > kLongestField) return Field::other;
  for (std::size_t i = kFirstOfLength[name.size()]; i < kFirstOfLength[name.size() + 1]; ++i) {
    if (kFields[i].first == name) return kFields[i].second;
  }
  return Field::other;
}

}  // namespace stormlog::pipeline
