#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/runner/run_folder.hpp"
#include "command.hpp"
#include "common/base/file.hpp"
#include "common/base/units.hpp"

namespace stormlog::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Row {
  std::string name;
  std::string title;
  std::string verdict;  // or "running", "broken off"
  std::optional<std::int64_t> duration_ms;
  std::optional<std::uint64_t> lost;  // empty: not known
  std::optional<std::uint64_t> duplicated;
  std::string folder;
};

std::string text_member(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

template <typename T>
std::optional<T> number_member(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<T>();
}

Row read_row(const std::filesystem::path& folder) {
  Row row;
  row.name = folder.filename().string();
  row.folder = folder.string();
  const auto text = file::read(folder / "verdict.json");
  const Json json = text.ok() ? Json::parse(*text, nullptr, false) : Json();
  if (!json.is_object()) {
    // No verdict: under way, or its engine died before it could judge.
    row.verdict = chaos::read_engine(folder) ? "running" : "broken off";
    return row;
  }
  row.title = text_member(json, "title");
  row.verdict = text_member(json, "verdict");
  row.duration_ms = number_member<std::int64_t>(json, "duration_ms");
  const auto ledger = json.find("ledger");
  if (ledger == json.end() || !ledger->is_object()) return row;
  // Counts of a ledger that could not be read to its end prove nothing.
  if (const auto complete = ledger->find("complete");
      complete == ledger->end() || !complete->is_boolean() || !complete->get<bool>()) {
    return row;
  }
  row.lost = number_member<std::uint64_t>(*ledger, "lost");
  row.duplicated = number_member<std::uint64_t>(*ledger, "duplicated");
  return row;
}

template <typename T>
Json json_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

std::string text_of(const std::optional<std::uint64_t>& value) {
  return value ? std::to_string(*value) : "?";
}

const char* colour_of(const std::string& verdict) {
  if (verdict == "passed") return "green";
  return verdict == "failed" ? "red" : "yellow";
}

class Runs final : public Command {
 public:
  std::string name() const override { return "runs"; }
  std::string summary() const override { return "List the runs there were, the newest first"; }
  void define(Arguments& arguments) override {
    arguments.option("--out", &out_, "DIR", "Folder of the runs (else HOME/runs)");
    arguments.option("-n,--limit", &limit_, 1, 100'000, "At most this many");
  }

  int run(const Context& context) override {
    std::filesystem::path folder;
    if (out_) {
      folder = *out_;
    } else {
      const auto stack_file = context.stack_path();
      if (!stack_file.ok()) return context.fail(stack_file.error(), kUsage);
      folder = chaos::stack_home(*stack_file) / "runs";
    }
    std::vector<std::filesystem::path> folders = chaos::list_run_folders(folder);
    if (folders.size() > static_cast<std::size_t>(limit_)) {
      folders.resize(static_cast<std::size_t>(limit_));
    }
    std::vector<Row> rows;
    for (const auto& run : folders) rows.push_back(read_row(run));
    if (context.json) {
      print_json(context, rows);
    } else {
      print_table(context, rows, folder);
    }
    return kOk;
  }

 private:
  static void print_json(const Context& context, const std::vector<Row>& rows) {
    Json list = Json::array();
    for (const Row& row : rows) {
      list.push_back({{"name", row.name},
                      {"title", row.title},
                      {"verdict", row.verdict},
                      {"duration_ms", json_of(row.duration_ms)},
                      {"lost", json_of(row.lost)},
                      {"duplicated", json_of(row.duplicated)},
                      {"folder", row.folder}});
    }
    context.print(list);
  }

  static void print_table(const Context& context, const std::vector<Row>& rows,
                          const std::filesystem::path& folder) {
    if (rows.empty()) {
      context.out << "no runs in " << folder.string() << "\n";
      return;
    }
    std::size_t width = 4;
    for (const Row& row : rows) width = std::max(width, row.name.size());
    context.out << fmt::format("{:<{}}  {:<10}  {:>8}  {:>6}  {:>10}  {}\n", "RUN", width,
                               "VERDICT", "TIME", "LOST", "DUPLICATED", "TITLE");
    for (const Row& row : rows) {
      const std::string time =
          row.duration_ms ? fmt::format("{:.1f} s", static_cast<double>(*row.duration_ms) / 1000)
                          : "";
      // Padded before it is painted: colours have no width.
      const std::string verdict =
          context.paint(colour_of(row.verdict), fmt::format("{:<10}", row.verdict));
      context.out << fmt::format("{:<{}}  {}  {:>8}  {:>6}  {:>10}  {}\n", row.name, width, verdict,
                                 time, text_of(row.lost), text_of(row.duplicated), row.title);
    }
  }

  std::optional<std::string> out_;
  std::int64_t limit_ = 50;
};

}  // namespace

std::unique_ptr<Command> make_runs() {
  return std::make_unique<Runs>();
}

}  // namespace stormlog::cli
