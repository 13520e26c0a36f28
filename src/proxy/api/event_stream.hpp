#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/http/event_hub.hpp"
#include "proxy/engine/event.hpp"

namespace stormlog::proxy {

// What happens to connections, as server-sent events: the name is the kind (connect, close,
// toxic_on, toxic_off), the data a JSON object with the proxy, the connection's number and what
// belongs to the kind. Nothing is made while nobody reads.
//
// Threads: publish() and wanted() on any; serve() and close() on the executor's.
class EventStream final : public EventSink {
 public:
  explicit EventStream(const Clock& clock);
  ~EventStream() override;

  void attach(boost::asio::any_io_executor executor);
  boost::asio::awaitable<void> serve(http::StreamWriter& writer, std::string last_id);
  void close();

  bool wanted() const override;
  void publish(const ConnectionEvent& event) override;

 private:
  const Clock& clock_;
  std::shared_ptr<http::EventHub> hub_;
  std::atomic<std::uint64_t> last_id_{0};
};

}  // namespace stormlog::proxy
