#include "chaos/runner/journal.hpp"

#include <cmath>

#include "common/base/units.hpp"

namespace stormlog::chaos {

Result<std::unique_ptr<Journal>> Journal::create(const std::filesystem::path& file,
                                                 const Clock& clock, MonotonicTime epoch,
                                                 Listener listener) {
  auto appender = file::Appender::open(file);
  if (!appender.ok()) return appender.error();
  return std::unique_ptr<Journal>(
      new Journal(std::move(*appender), clock, epoch, std::move(listener)));
}

Journal::Journal(file::Appender file, const Clock& clock, MonotonicTime epoch, Listener listener)
    : file_(std::move(file)), clock_(clock), epoch_(epoch), listener_(std::move(listener)) {}

void Journal::set_epoch(MonotonicTime epoch) {
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;
}

MonotonicTime Journal::epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

Nanoseconds Journal::now() const {
  const std::lock_guard lock(mutex_);
  return clock_.now() - epoch_;
}

void Journal::write(const std::string& type, const nlohmann::ordered_json& fields) {
  write_at(type, now(), fields);
}

void Journal::write_at(const std::string& type, Nanoseconds at,
                       const nlohmann::ordered_json& fields) {
  const std::lock_guard lock(mutex_);
  const Nanoseconds ago = (clock_.now() - epoch_) - at;
  nlohmann::ordered_json entry = {{"type", type},
                                  {"t_ms", std::round(static_cast<double>(at.count()) / 1e3) / 1e3},
                                  {"at", units::format_rfc3339(clock_.wall_now() - ago, 6)}};
  if (fields.is_object()) entry.update(fields);
  if (state_.ok()) {
    state_ = file_.append(
        entry.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  }
  if (listener_) listener_(entry);
}

Result<void> Journal::sync() {
  const std::lock_guard lock(mutex_);
  if (state_.ok()) state_ = file_.sync();
  return state_;
}

}  // namespace stormlog::chaos
