#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "command.hpp"
#include "common/base/suggest.hpp"
#include "words.hpp"

namespace stormlog::cli {
namespace {

class List final : public Command {
 public:
  std::string name() const override { return "list"; }
  std::string summary() const override {
    return "List the faults, probes, checks or toxics there are";
  }
  void define(Arguments& arguments) override {
    arguments.positional("WHAT", &what_, false, "faults, probes, checks or toxics; all if absent");
  }

  int run(const Context& context) override {
    static const std::vector<std::string> kGroups = {"faults", "probes", "checks", "toxics"};
    if (!what_.empty() && std::find(kGroups.begin(), kGroups.end(), what_) == kGroups.end()) {
      return context.fail(
          Error::permanent("cannot list \"" + what_ + "\"" + did_you_mean(what_, kGroups)), kUsage);
    }
    const std::vector<WordInfo> words = words_of(what_);
    if (context.json) {
      nlohmann::ordered_json list = nlohmann::ordered_json::array();
      for (const WordInfo& word : words) {
        list.push_back({{"kind", word.group}, {"name", word.name}, {"summary", word.summary}});
      }
      context.print(list);
      return kOk;
    }
    std::size_t width = 0;
    for (const WordInfo& word : words) width = std::max(width, word.name.size());
    std::string group;
    for (const WordInfo& word : words) {
      if (word.group != group && what_.empty()) {
        context.out << (group.empty() ? "" : "\n") << context.paint("bold", word.group + "s")
                    << "\n";
      }
      group = word.group;
      context.out << "  " << word.name << std::string(width - word.name.size() + 2, ' ')
                  << word.summary << "\n";
    }
    return kOk;
  }

 private:
  std::string what_;
};

}  // namespace

std::unique_ptr<Command> make_list() {
  return std::make_unique<List>();
}

}  // namespace stormlog::cli
