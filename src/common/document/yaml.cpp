#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <unordered_map>

#include "common/base/file.hpp"
#include "common/document/node.hpp"

namespace stormlog::document {
namespace {

// Aliases of aliases grow a tree exponentially ("billion laughs"); no file of ours comes near this.
constexpr std::size_t kMaxNodes = 200'000;

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const auto& item : node.items) count += count_nodes(item);
  for (const auto& entry : node.entries) count += 1 + count_nodes(entry.value);
  return count;
}

// Builds the tree from the parser's events, which carry each value's place and know whether a
// scalar was quoted; the library's own tree keeps neither reliably.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string name, Diagnostics& diagnostics)
      : file_(std::make_shared<const std::string>(std::move(name))), diagnostics_(diagnostics) {
    root_.file = file_;
    root_.line = 1;
  }

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    finish(make(Node::Kind::null, mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    Node node = make(Node::Kind::null, mark);
    if (found == anchors_.end()) {
      diagnostics_.error(node, "an alias may not stand inside what it names");
    } else {
      const int line = node.line;
      nodes_ += count_nodes(found->second);
      if (nodes_ > kMaxNodes) {
        throw YAML::ParserException(mark, "aliases make this document too large");
      }
      node = found->second;
      node.line = line;
    }
    finish(std::move(node), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = make(Node::Kind::scalar, mark);
    node.scalar = value;
    // The library's tag is "?" for a plain scalar and "!" for a quoted or block one.
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    finish(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open_.push_back({make(Node::Kind::list, mark), anchor, {}});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open_.push_back({make(Node::Kind::map, mark), anchor, {}});
  }
  void OnMapEnd() override {
    merge(open_.back().node);
    close();
  }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key;
  };

  Node make(Node::Kind kind, const YAML::Mark& mark) {
    if (++nodes_ > kMaxNodes) throw YAML::ParserException(mark, "this document is too large");
    Node node;
    node.kind = kind;
    node.file = file_;
    node.line = mark.line + 1;
    return node;
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    finish(std::move(done.node), done.anchor);
  }

  void finish(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (!node.is_scalar()) {
        diagnostics_.error(node, "a key must be text, this is " + std::string(kind_name(node)));
      }
      parent.key = std::move(node);
    } else {
      add_entry(parent.node, std::move(*parent.key), std::move(node));
      parent.key.reset();
    }
  }

  void add_entry(Node& map, Node key, Node value) {
    const bool is_merge = key.scalar == "<<" && !key.quoted;
    if (!is_merge) {
      for (const auto& [other, unused] : map.entries) {
        if (other.scalar != key.scalar) continue;
        diagnostics_.error(
            key, "\"" + key.scalar + "\" is already given in line " + std::to_string(other.line));
        return;
      }
    }
    map.entries.push_back({std::move(key), std::move(value)});
  }

  // Source: YAML merge key, yaml.org/type/merge.html: own keys win, then earlier maps of the list.
  void merge(Node& map) {
    std::vector<Node> sources;
    std::erase_if(map.entries, [&](auto& entry) {
      auto& [key, value] = entry;
      if (key.scalar != "<<" || key.quoted) return false;
      if (value.is_list()) {
        for (auto& item : value.items) sources.push_back(std::move(item));
      } else {
        sources.push_back(std::move(value));
      }
      return true;
    });
    for (auto& source : sources) {
      if (!source.is_map()) {
        diagnostics_.error(source, "\"<<\" merges maps, this is " + std::string(kind_name(source)));
        continue;
      }
      for (auto& [key, value] : source.entries) {
        if (map.find(key.scalar) == nullptr) {
          map.entries.push_back({std::move(key), std::move(value)});
        }
      }
    }
  }

  std::shared_ptr<const std::string> file_;
  Diagnostics& diagnostics_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
  Node root_;
};

}  // namespace

Result<Node> parse_yaml(const std::string& text, const std::string& name) {
  Diagnostics diagnostics;
  Builder builder(name, diagnostics);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    Node root = builder.take();
    Builder second(name, diagnostics);
    if (diagnostics.ok() && parser.HandleNextDocument(second)) {
      diagnostics.error(second.take(), "a second document starts here; one file holds one");
    }
    if (auto ok = diagnostics.result(); !ok.ok()) return ok.error();
    return root;
  } catch (const YAML::Exception& e) {
    const std::string line = e.mark.is_null() ? "" : ":" + std::to_string(e.mark.line + 1);
    diagnostics.error(name + line, e.msg);
    return Error::permanent(diagnostics.text());
  }
}

Result<Node> load_yaml(const std::filesystem::path& path) {
  auto text = file::read(path);
  if (!text.ok()) return text.error();
  return parse_yaml(*text, path.string());
}

}  // namespace stormlog::document
