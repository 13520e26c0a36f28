#include "common/kafka/producer/producer.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

#include "common/base/log.hpp"
#include "common/kafka/producer/client.hpp"

namespace stormlog::kafka {
namespace {

// Between two tries to make a client, when the machine has no threads or memory to give.
constexpr std::chrono::seconds kRetryCreate{1};

}  // namespace

struct Producer::Impl {
  Impl(ProducerConfig producer_config, ProducerCallbacks producer_callbacks,
       const Clock& producer_clock)
      : config(std::move(producer_config)),
        callbacks(std::move(producer_callbacks)),
        clock(producer_clock) {}

  Result<std::unique_ptr<Client>> make_client() {
    return Client::create(config, callbacks, clock,
                          [this](Client& client, const std::string& why) { replace(client, why); });
  }
  void replace(Client& client, const std::string& why);
  void renew(const std::unique_lock<std::mutex>& held);

  const ProducerConfig config;
  const ProducerCallbacks callbacks;
  const Clock& clock;

  mutable std::mutex mutex;
  std::unique_ptr<Client> current;
  std::vector<std::unique_ptr<Client>> dying;  // they tell their records, then end
  std::uint64_t rebuilds = 0;
  bool closing = false;
  MonotonicTime next_create{};
};

// On the thread of the client that failed: it goes on to tell its records by itself.
void Producer::Impl::replace(Client& client, const std::string& why) {
  log::error("Kafka client failed for good, making a new one", {{"reason", why}});
  {
    std::unique_lock lock(mutex);
    if (current.get() != &client) return;
    std::erase_if(dying, [](const auto& old) { return old->finished(); });
    dying.push_back(std::move(current));
    ++rebuilds;
    renew(lock);
  }
  callbacks.on_rebuilt(why);
}

void Producer::Impl::renew(const std::unique_lock<std::mutex>&) {
  const MonotonicTime now = clock.now();
  if (closing || now < next_create) return;
  auto client = make_client();
  if (client.ok()) {
    current = std::move(*client);
    return;
  }
  next_create = now + kRetryCreate;
  log::error("cannot make a Kafka client", {{"reason", client.error().message}});
}

Producer::Producer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Producer>> Producer::create(ProducerConfig config,
                                                   ProducerCallbacks callbacks,
                                                   const Clock& clock) {
  auto impl = std::make_unique<Impl>(std::move(config), std::move(callbacks), clock);
  {
    // Held, so that a client that fails at once finds itself as the current one.
    const std::lock_guard lock(impl->mutex);
    auto client = impl->make_client();
    if (!client.ok()) return client.error();
    impl->current = std::move(*client);
  }
  return std::unique_ptr<Producer>(new Producer(std::move(impl)));
}

Producer::~Producer() {
  std::unique_ptr<Client> current;
  std::vector<std::unique_ptr<Client>> dying;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closing = true;
    current = std::move(impl_->current);
    dying = std::move(impl_->dying);
  }
  // Joined without the lock: their threads may be on the way into replace().
  current.reset();
  dying.clear();
}

ProduceStatus Producer::produce(const Record& record, std::uint64_t token) {
  std::unique_lock lock(impl_->mutex);
  if (!impl_->current) impl_->renew(lock);
  if (!impl_->current) return ProduceStatus::unavailable;
  return impl_->current->produce(record, token);
}

Producer::InFlight Producer::in_flight() const {
  const std::lock_guard lock(impl_->mutex);
  InFlight sum = impl_->current ? impl_->current->in_flight() : InFlight{};
  for (const auto& client : impl_->dying) {
    const InFlight more = client->in_flight();
    sum.messages += more.messages;
    sum.bytes += more.bytes;
    sum.oldest = std::max(sum.oldest, more.oldest);
  }
  return sum;
}

std::uint64_t Producer::rebuilds() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->rebuilds;
}

bool Producer::flush(std::chrono::milliseconds timeout) {
  const MonotonicTime end = SystemClock::instance().now() + timeout;
  while (in_flight().messages > 0) {
    if (SystemClock::instance().now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void* Producer::native_handle() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->current ? impl_->current->handle() : nullptr;
}

}  // namespace stormlog::kafka
