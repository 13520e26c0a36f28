#pragma once

#include <cstdint>
#include <string>

#include "common/base/uuid.hpp"

namespace stormlog::test {

// A version 7 UUID with its number at the end, so that each event is known by it.
inline Uuid event_id(std::uint32_t number) {
  Uuid id = *Uuid::parse("018f2f0e-7a3b-7c4d-8e5f-000000000000");
  for (std::size_t i = 0; i < 4; ++i) {
    id.bytes[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  }
  return id;
}

// The stored form of an event; its time ascends with its number.
inline std::string stored_event(std::uint32_t number, const std::string& body = "hello",
                                const std::string& service = "test") {
  const std::int64_t time = 1'700'000'000'000'000'000 + number;
  return R"({"v":1,"id":")" + event_id(number).to_string() + R"(","timestamp":)" +
         std::to_string(time) + R"(,"observed_timestamp":)" + std::to_string(time) +
         R"(,"severity_number":9,"severity_text":"INFO","service":")" + service + R"(","body":")" +
         body + R"(","attributes":{"seq":)" + std::to_string(number) + "}}";
}

}  // namespace stormlog::test
