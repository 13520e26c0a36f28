// A circuit breaker by hand: ask, call, say how it went. The clock is a manual one, so that the
// example does not take the breaker's ten seconds.

#include <cstdio>
#include <stormlog/resilience/circuit_breaker.hpp>
#include <string>

using namespace std::chrono_literals;
namespace rs = stormlog::resilience;

int main() {
  stormlog::ManualClock clock;  // in a program: stormlog::SystemClock::instance()
  rs::CircuitBreakerConfig config;
  config.window_size = 20;
  config.minimum_calls = 5;
  config.open_wait = 10s;
  config.half_open_permits = 3;
  rs::CircuitBreaker breaker("payments", config, clock, stormlog::Random(1));
  breaker.on_event([](const rs::BreakerEvent& event) {
    if (event.type != rs::BreakerEvent::Type::state_transition) return;
    std::printf("%s: %s -> %s\n", event.breaker.c_str(), std::string(to_string(event.from)).c_str(),
                std::string(to_string(event.to)).c_str());
  });

  bool peer_is_up = false;
  const auto pay = [&] {
    rs::Permit permit = breaker.acquire();
    if (!permit) return false;  // not called at all
    if (peer_is_up) {
      permit.success();
    } else {
      permit.failure();
    }
    return peer_is_up;
  };

  for (int i = 0; i < 8; ++i) pay();
  std::printf("refused %llu of 8 calls\n",
              static_cast<unsigned long long>(breaker.metrics().not_permitted));

  peer_is_up = true;
  clock.advance(breaker.remaining_open());
  int trials = 0;
  while (breaker.state() != rs::BreakerState::closed && pay()) ++trials;
  std::printf("%s again after %d trials\n", std::string(to_string(breaker.state())).c_str(),
              trials);
}
