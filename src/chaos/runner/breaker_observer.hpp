#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/runner/journal.hpp"
#include "chaos/stack/stack.hpp"
#include "common/http/message.hpp"

namespace stormlog::chaos {

// Follows the circuit breakers of all services: through their event stream where the stack file
// names one, so that a state of a few milliseconds is not missed, else by polling
// resilience4j_circuitbreaker_state on their metrics page. A service that refuses to tell is
// written to the journal, once, as "breakers_refused".
//
// Threads: one for each service; transitions() on any.
class BreakerObserver {
 public:
  BreakerObserver(const Stack& stack, Journal& journal);
  ~BreakerObserver();

  void start();
  // Waits until each service has told its breakers once; those that did not are left out.
  void wait_until_connected(Nanoseconds at_most);
  void stop();

  std::vector<BreakerTransition> transitions() const;
  std::vector<std::string> breakers() const;
  // "service: status", of each that refused.
  std::vector<std::string> refusals() const;
  // When a breaker last changed; and whether all are closed or out of use by hand.
  Nanoseconds last_change() const;
  bool all_closed() const;

 private:
  struct Source {
    std::string service;
    std::string metrics_url;
    std::string events_url;
    http::Headers headers;
  };

  void follow(const Source& source);
  void follow_events(const Source& source);
  void poll_metrics(const Source& source);
  void on_event(const Source& source, std::string_view event, std::string_view data);
  // Records a state seen without its transition; a change is recorded as seen now.
  void on_state(const Source& source, const std::string& breaker, const std::string& state,
                const char* how);
  void record(BreakerTransition transition);
  void connected(const std::string& service);
  void refused(const Source& source, const std::string& error);

  Journal& journal_;
  std::vector<Source> sources_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> states_;  // "service/breaker" → state
  std::vector<std::string> names_;
  std::vector<std::string> connected_;
  std::map<std::string, std::string> refused_;  // service → how
  std::vector<BreakerTransition> transitions_;
  std::vector<std::thread> threads_;
};

}  // namespace stormlog::chaos
