#pragma once

#include <map>
#include <memory>
#include <vector>

#include "proxy/toxic/toxic.hpp"

namespace stormlog::proxy {

// The toxics of one direction of one connection, one after another: what the first lets through,
// the second takes. With none that hits, everything passes at once, and empty() says so.
//
// Whether a toxic hits is drawn once for each connection and direction, from the connection's seed
// and the toxic's name alone, or from the toxic's seed and the connection's number. The draw is
// kept: a higher toxicity adds connections to those hit and exchanges none.
//
// Threads:  caller synchronises.
// Lifetime: `sink` and `both` outlive it.
class Chain {
 public:
  // What the two chains of a connection share. Without it, toxics that act on both directions
  // together are passed over.
  struct Both {
    std::map<std::uint64_t, std::shared_ptr<void>> states{};  // by the toxic's id
  };
  // Whose random choices these are.
  struct Connection {
    Random random;             // of this connection
    std::uint64_t number = 0;  // of all that the proxy has accepted
  };

  Chain(Stream stream, const Connection& connection, Output& sink, Both* both = nullptr);
  ~Chain();
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // Makes the chain what `toxics` say, at once: what a removed toxic held goes on to those behind
  // it, a changed one takes its new attributes, a new one joins where it stands in the list. Those
  // of the other stream are passed over.
  void apply(const Toxics& toxics, MonotonicTime now);

  void push(Chunk chunk, MonotonicTime now);
  void end(MonotonicTime now);
  void wake(MonotonicTime now);

  std::optional<MonotonicTime> deadline() const;
  std::size_t held() const;
  std::size_t chunks() const;
  bool accepts() const;
  bool empty() const { return links_.empty(); }
  // A toxic closed or reset the connection; nothing passes any more.
  bool over() const { return over_; }
  // Whether a toxic hits the connection. Its own stream decides, unless it acts on both.
  static bool hits(const Toxic& toxic, const Connection& connection);
  // Names of the toxics that hit, in order.
  std::vector<std::string> names() const;

 private:
  struct Link;
  class Next;

  void pass_chunk(std::size_t index, Chunk chunk, MonotonicTime now);
  void pass_end(std::size_t index, MonotonicTime now);
  std::size_t index_of(std::uint64_t id) const;
  void sweep();
  bool is_hit_by(const Toxic& toxic) const;
  std::unique_ptr<Stage> make_stage(const Toxic& toxic, MonotonicTime now) const;

  Stream stream_;
  Connection connection_;
  Output& sink_;
  Both* both_;
  std::vector<Link> links_;
  bool ended_ = false;  // the source has ended; whoever joins the front learns it from nobody else
  bool over_ = false;
};

}  // namespace stormlog::proxy
