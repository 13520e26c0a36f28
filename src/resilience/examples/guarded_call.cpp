// All guards around one call, and an answer for when there is none.

#include <cstdio>
#include <optional>
#include <stormlog/resilience/policy.hpp>
#include <string>

using namespace std::chrono_literals;
namespace rs = stormlog::resilience;

namespace {

// What a program would ask over the network. The first two times it is in trouble.
std::optional<int> price_from_shop(int call, const rs::Deadline& deadline) {
  // A real client hands deadline.remaining() to its socket.
  if (deadline.is_over() || call <= 2) return std::nullopt;
  return 23;
}

}  // namespace

int main() {
  const stormlog::Clock& clock = stormlog::SystemClock::instance();
  const stormlog::Random random(stormlog::Random::entropy_seed());

  rs::CircuitBreaker breaker("shop", {}, clock, random.fork("breaker"));
  rs::RetryBudget budget;
  rs::RetryConfig patient;
  patient.initial = 1ms;
  rs::Retry retry("shop", patient, clock, random.fork("retry"), &budget);
  rs::RateLimiter limiter("shop", {.permits_per_second = 100, .burst = 10}, clock);
  rs::TimeLimiter attempts("shop", {.timeout = 200ms}, clock);
  rs::Bulkhead bulkhead("shop", {.max_concurrent = 4});

  rs::Policy policy;
  policy.total_deadline = 2s;
  policy.retry = &retry;
  policy.breaker = &breaker;
  policy.rate_limiter = &limiter;
  policy.time_limiter = &attempts;
  policy.bulkhead = &bulkhead;

  int calls = 0;
  const auto ask = [&calls](const rs::Attempt& attempt) {
    return price_from_shop(++calls, attempt.deadline);
  };
  const auto outcome = rs::call(policy, ask);
  if (!outcome || !*outcome) return 1;
  std::printf("price %d after %d attempts\n", **outcome, outcome.attempts());

  // Out of order: the breaker refuses, the fallback answers.
  breaker.transition_to(rs::BreakerState::forced_open);
  const auto from_cache = [](const auto& refused) -> std::optional<int> {
    std::printf("%s\n", refused.refusal() ? describe(*refused.refusal()).c_str() : "failed");
    return 17;
  };
  const std::optional<int> price = rs::call_or(policy, ask, from_cache);
  std::printf("from the cache: price %d\n", price.value_or(0));
}
