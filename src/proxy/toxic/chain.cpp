#include "proxy/toxic/chain.hpp"

#include <algorithm>
#include <utility>

namespace stormlog::proxy {

std::string_view to_string(Stream stream) {
  return stream == Stream::upstream ? "upstream" : "downstream";
}

namespace {

Random draws(const Toxic& toxic, const Chain::Connection& connection) {
  const std::string_view scope = toxic.type->share != nullptr ? "both" : to_string(toxic.stream);
  if (!toxic.seed) return connection.random.fork(scope).fork(toxic.name);
  // Those that were there before it count backwards.
  const std::uint64_t number = connection.number - toxic.first;
  return Random(*toxic.seed).fork("connection " + std::to_string(number)).fork(scope);
}

}  // namespace

struct Chain::Link {
  std::shared_ptr<const Toxic> toxic;
  std::unique_ptr<Stage> stage;
  bool end_passed = false;  // the end of the stream has left this stage
  bool removed = false;     // it lingers
};

// What a stage writes to: the stage behind it, or the sink.
class Chain::Next final : public Output {
 public:
  Next(Chain& chain, std::size_t index, MonotonicTime now)
      : chain_(chain), index_(index), now_(now) {}

  void chunk(Chunk chunk) override { chain_.pass_chunk(index_ + 1, std::move(chunk), now_); }
  void end() override {
    chain_.links_[index_].end_passed = true;
    chain_.pass_end(index_ + 1, now_);
  }
  void close() override {
    if (std::exchange(chain_.over_, true)) return;
    chain_.sink_.close();
  }
  void reset() override {
    if (std::exchange(chain_.over_, true)) return;
    chain_.sink_.reset();
  }

 private:
  Chain& chain_;
  std::size_t index_;
  MonotonicTime now_;
};

Chain::Chain(Stream stream, const Connection& connection, Output& sink, Both* both)
    : stream_(stream), connection_(connection), sink_(sink), both_(both) {}

Chain::~Chain() = default;

bool Chain::hits(const Toxic& toxic, const Connection& connection) {
  return draws(toxic, connection).fork("hit").uniform() < toxic.toxicity;
}

std::size_t Chain::index_of(std::uint64_t id) const {
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [id](const Link& link) { return link.toxic->id == id; });
  return static_cast<std::size_t>(found - links_.begin());
}

bool Chain::is_hit_by(const Toxic& toxic) const {
  if (toxic.type->scope != ToxicType::Scope::stream) return false;
  const bool acts_here = toxic.type->share != nullptr ? both_ != nullptr : toxic.stream == stream_;
  return acts_here && hits(toxic, connection_);
}

std::unique_ptr<Stage> Chain::make_stage(const Toxic& toxic, MonotonicTime now) const {
  const Random random = draws(toxic, connection_).fork("choices");
  if (toxic.type->share == nullptr) return toxic.type->make(toxic.attributes, random, now);
  auto& state = both_->states[toxic.id];
  if (!state) state = toxic.type->share();
  return toxic.type->make_shared(toxic.attributes, stream_ == Stream::upstream, state, random);
}

void Chain::apply(const Toxics& toxics, MonotonicTime now) {
  Toxics wanted;
  for (const auto& toxic : toxics) {
    if (is_hit_by(*toxic)) wanted.push_back(toxic);
  }
  const auto is_wanted = [&wanted](const Link& link) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [&link](const auto& toxic) { return toxic->id == link.toxic->id; });
  };
  for (std::size_t i = 0; i < links_.size() && !over_; ++i) {
    if (links_[i].removed || is_wanted(links_[i])) continue;
    Next next(*this, i, now);
    links_[i].stage->remove(now, next);
    links_[i].removed = true;
    if (both_ != nullptr) both_->states.erase(links_[i].toxic->id);
  }
  sweep();
  std::size_t place = 0;  // behind the one before
  for (std::size_t i = 0; i < wanted.size() && !over_; ++i) {
    const std::size_t at = index_of(wanted[i]->id);
    if (at == links_.size()) {
      Link link{wanted[i], make_stage(*wanted[i], now)};
      // The end came by before it joined: it will see nothing any more.
      link.end_passed = place == 0 ? ended_ : links_[place - 1].end_passed;
      links_.insert(links_.begin() + static_cast<std::ptrdiff_t>(place), std::move(link));
    } else if (links_[at].toxic != wanted[i]) {
      const bool changed = !(links_[at].toxic->attributes == wanted[i]->attributes);
      links_[at].toxic = wanted[i];
      Next next(*this, at, now);
      if (changed) links_[at].stage->update(wanted[i]->attributes, now, next);
    }
    place = index_of(wanted[i]->id) + 1;
  }
}

// Lets go of those that were removed and have come to their end.
void Chain::sweep() {
  std::erase_if(links_, [](const Link& link) { return link.removed && !link.stage->lingers(); });
}

void Chain::push(Chunk chunk, MonotonicTime now) {
  pass_chunk(0, std::move(chunk), now);
  sweep();
}

void Chain::end(MonotonicTime now) {
  ended_ = true;
  pass_end(0, now);
  sweep();
}

void Chain::pass_chunk(std::size_t index, Chunk chunk, MonotonicTime now) {
  if (over_) return;
  if (index == links_.size()) return sink_.chunk(std::move(chunk));
  Next next(*this, index, now);
  links_[index].stage->push(std::move(chunk), now, next);
}

void Chain::pass_end(std::size_t index, MonotonicTime now) {
  if (over_) return;
  if (index == links_.size()) return sink_.end();
  Next next(*this, index, now);
  links_[index].stage->end(now, next);
}

// From the front: what an earlier toxic releases now, a later one may pass on in the same breath.
void Chain::wake(MonotonicTime now) {
  for (std::size_t i = 0; i < links_.size() && !over_; ++i) {
    const auto due = links_[i].stage->deadline();
    if (!due || *due > now) continue;
    Next next(*this, i, now);
    links_[i].stage->wake(now, next);
  }
  sweep();
}

std::optional<MonotonicTime> Chain::deadline() const {
  std::optional<MonotonicTime> earliest;
  if (over_) return earliest;
  for (const auto& link : links_) {
    const auto due = link.stage->deadline();
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

std::size_t Chain::held() const {
  std::size_t bytes = 0;
  for (const auto& link : links_) bytes += link.stage->held();
  return bytes;
}

std::size_t Chain::chunks() const {
  std::size_t count = 0;
  for (const auto& link : links_) count += link.stage->chunks();
  return count;
}

bool Chain::accepts() const {
  return std::all_of(links_.begin(), links_.end(),
                     [](const Link& link) { return link.stage->accepts(); });
}

std::vector<std::string> Chain::names() const {
  std::vector<std::string> names;
  for (const auto& link : links_) {
    if (!link.removed) names.push_back(link.toxic->name);
  }
  return names;
}

}  // namespace stormlog::proxy
