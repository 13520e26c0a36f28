#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/file.hpp"
#include "common/base/result.hpp"

namespace stormlog::chaos {

// What happened in a run, one JSON object a line, in the order of writing:
//   {"type":"fault_injected","t_ms":10002.113,"at":"2026-…Z", …}
// `t_ms` is monotonic and counts from the run's epoch; `at` is wall time.
//
// Threads: thread-safe. Listeners run on the writing thread, one at a time.
class Journal {
 public:
  using Listener = std::function<void(const nlohmann::ordered_json& entry)>;

  static Result<std::unique_ptr<Journal>> create(const std::filesystem::path& file,
                                                 const Clock& clock, MonotonicTime epoch,
                                                 Listener listener);

  // Moves offset 0, before the load starts.
  void set_epoch(MonotonicTime epoch);
  MonotonicTime epoch() const;
  Nanoseconds now() const;  // offset from the epoch

  void write(const std::string& type, const nlohmann::ordered_json& fields = {});
  // The same for something that happened a moment ago.
  void write_at(const std::string& type, Nanoseconds at, const nlohmann::ordered_json& fields = {});
  // The first failure to write, if any: the journal is evidence, and a run without it is void.
  Result<void> sync();

 private:
  Journal(file::Appender file, const Clock& clock, MonotonicTime epoch, Listener listener);

  mutable std::mutex mutex_;
  file::Appender file_;
  const Clock& clock_;
  MonotonicTime epoch_;
  Listener listener_;
  Result<void> state_;
};

}  // namespace stormlog::chaos
