#include "common/postgres/param.hpp"

#include <cassert>

namespace stormlog::postgres {
namespace {

struct Oids {
  unsigned element;
  unsigned array;
};

// Fixed for ever in pg_type.dat.
Oids oids(Element element) {
  switch (element) {
    case Element::boolean:
      return {16, 1000};
    case Element::bytea:
      return {17, 1001};
    case Element::int2:
      return {21, 1005};
    case Element::int4:
      return {23, 1007};
    case Element::int8:
      return {20, 1016};
    case Element::jsonb:
      return {3802, 3807};
    case Element::text:
      return {25, 1009};
    case Element::timestamptz:
      return {1184, 1185};
    case Element::uuid:
      return {2950, 2951};
  }
  return {25, 1009};
}

constexpr int kHeaderBytes = 20;
// 2000-01-01 after 1970-01-01, in microseconds.
constexpr std::int64_t kPostgresEpochUs = 946'684'800'000'000;

void store(char* out, std::uint64_t value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>(value & 0xFF);
    value >>= 8;
  }
}

}  // namespace

BinaryArray::BinaryArray(Element element) : element_(element) {
  header();
}

void BinaryArray::header() {
  bytes_.assign(kHeaderBytes, '\0');
}

void BinaryArray::put(std::uint64_t value, int width) {
  char buffer[8];
  store(buffer, value, width);
  bytes_.append(buffer, static_cast<std::size_t>(width));
}

void BinaryArray::add_null() {
  put(0xFFFFFFFF, 4);
  has_null_ = true;
  ++count_;
}

void BinaryArray::add_bool(bool value) {
  assert(element_ == Element::boolean);
  put(1, 4);
  put(value ? 1 : 0, 1);
  ++count_;
}

void BinaryArray::add_int(std::int64_t value) {
  const int width = element_ == Element::int2 ? 2 : element_ == Element::int4 ? 4 : 8;
  put(static_cast<std::uint64_t>(width), 4);
  put(static_cast<std::uint64_t>(value), width);
  ++count_;
}

void BinaryArray::add_text(std::string_view value) {
  put(value.size(), 4);
  bytes_.append(value);
  ++count_;
}

void BinaryArray::add_jsonb(std::string_view json) {
  assert(element_ == Element::jsonb);
  put(json.size() + 1, 4);
  put(1, 1);  // the version of jsonb's binary form
  bytes_.append(json);
  ++count_;
}

void BinaryArray::add_uuid(const std::uint8_t* bytes16) {
  assert(element_ == Element::uuid);
  put(16, 4);
  bytes_.append(reinterpret_cast<const char*>(bytes16), 16);
  ++count_;
}

void BinaryArray::add_timestamp(std::int64_t unix_us) {
  assert(element_ == Element::timestamptz);
  put(8, 4);
  put(static_cast<std::uint64_t>(unix_us - kPostgresEpochUs), 8);
  ++count_;
}

Param BinaryArray::take() {
  // dimensions, has-null, element type, length, lower bound
  store(bytes_.data(), count_ == 0 ? 0 : 1, 4);
  store(bytes_.data() + 4, has_null_ ? 1 : 0, 4);
  store(bytes_.data() + 8, oids(element_).element, 4);
  store(bytes_.data() + 12, static_cast<std::uint64_t>(count_), 4);
  store(bytes_.data() + 16, 1, 4);
  if (count_ == 0) bytes_.resize(12);
  Param param = Param::of_binary(std::move(bytes_), oids(element_).array);
  header();
  count_ = 0;
  has_null_ = false;
  return param;
}

}  // namespace stormlog::postgres
