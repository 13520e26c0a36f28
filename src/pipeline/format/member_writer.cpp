#include "pipeline/format/member_writer.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "common/base/base64.hpp"
#include "pipeline/event/json_text.hpp"
#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {

void MemberWriter::begin_record() {
  error_.reset();
  names_.clear();
  members_ = 0;
}

void MemberWriter::refuse(std::string code, std::string_view field, std::string detail) {
  if (!error_) error_ = FieldError{std::move(code), std::string(field), std::move(detail)};
}

bool MemberWriter::check_utf8(std::string_view text, std::string_view field) {
  if (simdjson::validate_utf8(text.data(), text.size())) return true;
  refuse("invalid", field, std::string(field) + " holds bytes that are not UTF-8");
  return false;
}

void MemberWriter::name(const Object& object, std::string_view name, std::string_view field,
                        std::string& out) {
  if (names_.size() > object.first) out += ',';
  const std::size_t begin = out.size();
  if (name.size() > limits::kMaxNameBytes) {
    refuse("too_large", field,
           "a name is longer than " + std::to_string(limits::kMaxNameBytes) + " bytes");
    name = name.substr(0, 0);
  }
  if (++members_ > limits::kMaxMembers) {
    refuse("too_large", field,
           "the event has more than " + std::to_string(limits::kMaxMembers) + " members in all");
  }
  names_.push_back({name, begin});
  text(name, field, out);
  out += ':';
}

bool MemberWriter::has_twice(const Object& object) {
  const auto first = names_.begin() + static_cast<std::ptrdiff_t>(object.first);
  constexpr std::ptrdiff_t kFew = 12;
  if (names_.end() - first <= kFew) {
    for (auto one = first; one != names_.end(); ++one) {
      for (auto other = one + 1; other != names_.end(); ++other) {
        if (one->name == other->name) return true;
      }
    }
    return false;
  }
  sorted_.clear();
  for (auto each = first; each != names_.end(); ++each) sorted_.push_back(each->name);
  std::sort(sorted_.begin(), sorted_.end());
  return std::adjacent_find(sorted_.begin(), sorted_.end()) != sorted_.end();
}

void MemberWriter::drop_overwritten(const Object& object, std::string& out) {
  std::vector<Name> kept(names_.begin() + static_cast<std::ptrdiff_t>(object.first), names_.end());
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].begin -= object.start;
  const std::string all = out.substr(object.start);
  // By name, and those of one name in the order in which they came.
  std::vector<std::size_t> order(kept.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return kept[a].name < kept[b].name; });
  std::vector<bool> overwritten(kept.size());
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    overwritten[order[i]] = kept[order[i]].name == kept[order[i + 1]].name;
  }
  out.resize(object.start);
  names_.resize(object.first);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (overwritten[i]) continue;
    if (out.size() > object.start) out += ',';
    const std::size_t end = i + 1 < kept.size() ? kept[i + 1].begin - 1 : all.size();
    names_.push_back(kept[i]);
    out.append(all, kept[i].begin, end - kept[i].begin);
  }
}

std::size_t MemberWriter::close(const Object& object, std::string& out) {
  if (has_twice(object)) drop_overwritten(object, out);
  const std::size_t count = names_.size() - object.first;
  names_.resize(object.first);
  return count;
}

void MemberWriter::text(std::string_view text, std::string_view field, std::string& out) {
  json_text::append_quoted(check_utf8(text, field) ? text : std::string_view(), out);
}

void MemberWriter::number(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += std::isnan(number) ? R"("NaN")" : number > 0 ? R"("Infinity")" : R"("-Infinity")";
    return;
  }
  std::array<char, 32> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  out.append(buffer.data(), result.ptr);
}

void MemberWriter::bytes(std::string_view bytes, std::string& out) {
  out += '"';
  append_base64(bytes, out);
  out += '"';
}

bool MemberWriter::may_nest(int depth, std::string_view field) {
  if (depth <= limits::kMaxDepth) return true;
  refuse("too_deep", field,
         "values are nested deeper than " + std::to_string(limits::kMaxDepth) + " levels");
  return false;
}

void MemberWriter::take_text(std::string_view text, std::size_t limit, std::string_view field,
                             std::string& out) {
  if (!check_utf8(text, field)) return;
  out.clear();
  json_text::append_storable(text, out);
  if (out.size() > limit) {
    refuse("too_large", field,
           std::string(field) + " is longer than " + std::to_string(limit) + " bytes");
  }
}

void MemberWriter::take_time(std::uint64_t unix_ns, std::string_view field,
                             std::optional<std::int64_t>& out) {
  if (unix_ns == 0) return;
  if (unix_ns > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return refuse("invalid", field, std::string(field) + " lies behind the year 2262");
  }
  const auto time = static_cast<std::int64_t>(unix_ns);
  if (time < limits::kLeastTimestampNumber) {
    return refuse("invalid", field,
                  std::string(field) +
                      " is Unix time in nanoseconds, from 1973 on; this one looks "
                      "like another unit");
  }
  out = time;
}

}  // namespace stormlog::pipeline
