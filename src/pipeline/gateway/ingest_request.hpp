#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "pipeline/event/batch_codec.hpp"

namespace stormlog::pipeline {

// One client's request on its way through the gateway: from the queue into a batch, and to its end.
class IngestRequest {
 public:
  enum class Stage {
    queued,     // no byte of it has left: giving up is safe
    in_flight,  // some or all of it may have reached a producer
    told,       // outcomes are known, one for each event
    failed,     // not stored: 503
    unknown,    // may be stored: 504
  };

  // `on_end` is called once, when told, failed or unknown.
  IngestRequest(std::string frames, std::uint32_t count, std::function<void()> on_end)
      : frames_(std::move(frames)), count_(count), on_end_(std::move(on_end)) {}

  Stage stage() const { return stage_; }
  std::uint32_t count() const { return count_; }
  std::size_t bytes() const { return frames_.size(); }
  const std::string& frames() const { return frames_; }
  const std::vector<EventOutcome>& outcomes() const { return outcomes_; }
  const std::string& reason() const { return reason_; }
  Nanoseconds retry_after() const { return retry_after_; }
  int attempts() const { return attempts_; }

  void tell(std::vector<EventOutcome> outcomes);
  // Unknown, rather than failed, where an earlier attempt may have arrived.
  void fail(std::string reason, Nanoseconds retry_after) {
    reason_ = std::move(reason);
    retry_after_ = retry_after;
    end(may_be_stored_ ? Stage::unknown : Stage::failed);
  }
  void lose(std::string reason) {
    reason_ = std::move(reason);
    end(Stage::unknown);
  }
  // The client has been answered: nobody waits for its end any more.
  void abandon() {
    on_end_ = nullptr;
    abandoned_ = true;
  }
  bool abandoned() const { return abandoned_; }
  // An attempt broke off after bytes had left; another one follows.
  void note_sent() { may_be_stored_ = true; }
  bool may_be_stored() const { return may_be_stored_; }

 private:
  friend class Coalescer;
  void end(Stage stage) {
    stage_ = stage;
    if (auto call = std::exchange(on_end_, nullptr)) call();
  }

  std::string frames_;
  std::uint32_t count_;
  std::function<void()> on_end_;
  Stage stage_ = Stage::queued;
  std::vector<EventOutcome> outcomes_;
  std::string reason_;
  Nanoseconds retry_after_{};
  int attempts_ = 0;
  std::size_t half_ = 0;   // of the Coalescer's
  MonotonicTime since_{};  // in the queue
  bool abandoned_ = false;
  bool may_be_stored_ = false;
};

// Requests that travel together.
struct IngestBatch {
  std::vector<std::shared_ptr<IngestRequest>> requests;
  std::uint32_t count = 0;  // of events
  std::string body;         // of batch_codec.hpp

  // Hands each request its part.
  void tell(const std::vector<EventOutcome>& outcomes);
  void fail(const std::string& reason, Nanoseconds retry_after);
  void lose(const std::string& reason);
};

}  // namespace stormlog::pipeline
