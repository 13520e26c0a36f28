// docs/metrics.md against what the three services really serve, after traffic that touches all of
// it: each metric of the page with its type, its help and its services, and none that is not on the
// page.

#include <fstream>
#include <map>
#include <set>

#include "consumer/process_fixture.hpp"

namespace stormlog {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::kLong;
using test::kToken;

struct Documented {
  std::string type;
  std::set<std::string> services;
};

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" `");
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(" `") - begin + 1);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(trimmed(part));
  return parts;
}

// The tables "| metric | type | services | what |".
std::map<std::string, Documented> read_page() {
  std::map<std::string, Documented> page;
  std::ifstream in(std::getenv("METRICS_PAGE"));
  bool table = false;
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> cells = split(line, '|');
    if (cells.size() < 4) {
      table = false;
    } else if (cells[1] == "metric") {
      table = true;
    } else if (table && cells[1].find("---") == std::string::npos) {
      const std::vector<std::string> services = split(cells[3], ',');
      EXPECT_FALSE(page.contains(cells[1])) << cells[1] << " is on the page twice";
      page[cells[1]] = {cells[2], {services.begin(), services.end()}};
    }
  }
  return page;
}

struct Family {
  std::string type;
  std::string help;
  bool samples = false;
};

// The families of a scrape; a sample without TYPE before it is told.
std::map<std::string, Family> read_scrape(const std::string& text) {
  std::map<std::string, Family> families;
  std::string current;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool help = line.starts_with("# HELP ");
    if (help || line.starts_with("# TYPE ")) {
      const std::size_t end = line.find(' ', 7);
      current = line.substr(7, end - 7);
      (help ? families[current].help : families[current].type) =
          end == std::string::npos ? "" : line.substr(end + 1);
    } else if (!line.empty() && line[0] != '#') {
      EXPECT_TRUE(!current.empty() && line.starts_with(current)) << line << ": no TYPE before it";
      families[current].samples = true;
    }
  }
  return families;
}

class Metrics : public test::ConsumerProcess {
 protected:
  Process run(const char* program, const std::vector<std::string>& options) {
    Process process{test::free_port(), nullptr};
    std::vector<std::string> argv = {std::getenv(program),
                                     "--listen=127.0.0.1:" + std::to_string(process.port)};
    argv.insert(argv.end(), options.begin(), options.end());
    process.child = std::make_unique<test::ChildProcess>(
        test::ChildProcess::Options{argv, folder_.path() / program, ""});
    EXPECT_TRUE(eventually([&] { return get(process.url("/livez")).status == 200; }));
    return process;
  }
  static int post(const Process& process, const std::string& body) {
    http::FetchRequest request;
    request.method = "POST";
    request.url = process.url("/api/v1/logs");
    request.body = body;
    request.headers.add("Content-Type", "application/json");
    const Result<http::FetchResponse> response = http::fetch(request);
    return response.ok() ? response->status : 0;
  }
};

TEST_F(Metrics, ThePageTellsWhatTheServicesServe) {
  const std::map<std::string, Documented> page = read_page();
  ASSERT_GT(page.size(), 60u);
  const Process consumer = start({std::string("--admin-token=") + kToken});
  const Process producer = run("LOG_PRODUCER", {"--kafka-brokers=" + kafka_.brokers()});
  // One that reaches no Kafka.
  const Process lost = run("LOG_PRODUCER", {"--kafka-brokers=127.0.0.1:1",
                                            "--kafka-message-timeout=1s", "--request-timeout=3s"});
  const Process gateway =
      run("API_GATEWAY", {"--producers=" + producer.url(""), "--queries=" + consumer.url("")});
  ASSERT_TRUE(eventually([&] { return lag(consumer) == 0.0; }, kLong));
  EXPECT_TRUE(eventually([&] { return post(gateway, R"({"body":"hello"})") == 202; }, kLong));
  EXPECT_EQ(post(gateway, "no JSON"), 400);
  EXPECT_GE(post(lost, R"({"body":"hello"})"), 500);
  EXPECT_TRUE(eventually([&] { return rows() == 1; }, kLong));
  EXPECT_EQ(get(gateway.url("/api/v1/logs")).status, 200);

  std::map<std::string, std::map<std::string, Family>> served;
  const auto scrape = [&] {
    served["gateway"] = read_scrape(metrics(gateway));
    served["producer"] = read_scrape(metrics(producer));
    served["producer"].merge(read_scrape(metrics(lost)));
    served["consumer"] = read_scrape(metrics(consumer));
  };
  const auto missing = [&] {
    std::vector<std::string> names;
    for (const auto& [name, documented] : page) {
      for (const std::string& service : documented.services) {
        const auto found = served[service].find(name);
        if (found == served[service].end() || !found->second.samples) {
          names.push_back(name + " of " + service);
        }
      }
    }
    return names;
  };
  // Some are measured every few seconds.
  (void)eventually(
      [&] {
        scrape();
        return missing().empty();
      },
      kLong);
  EXPECT_THAT(missing(), testing::IsEmpty()) << "on the page and not served";
  for (const auto& [service, families] : served) {
    for (const auto& [name, family] : families) {
      EXPECT_NE(family.help, "") << name << " of " << service << " has no HELP";
      const auto found = page.find(name);
      if (found == page.end() || !found->second.services.contains(service)) {
        ADD_FAILURE() << name << " of " << service << " is not in docs/metrics.md";
      } else {
        EXPECT_EQ(family.type, found->second.type) << name << " of " << service;
      }
    }
  }
}

}  // namespace
}  // namespace stormlog
