#include "chaos/ledger/ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace stormlog::chaos {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

Uuid id_of(std::uint8_t number) {
  Uuid id;
  id.bytes[15] = number;
  return id;
}

class LedgerFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "ledger.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "ledger.bin";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static LedgerHeader header() {
    return {"run-1", 7, WallTime{std::chrono::seconds{1'700'000'000}}, "http://127.0.0.1:1/x"};
  }

  // Three requests: acked but for one event, indeterminate, and one that never ended.
  std::string write_sample() {
    std::filesystem::remove(path_);
    Result<LedgerWriter> writer = LedgerWriter::create(path_, header());
    EXPECT_TRUE(writer.ok());
    EXPECT_TRUE(writer->sent(0, milliseconds{1}, milliseconds{2},
                             {{id_of(1), 5, 1}, {id_of(2), 5, 2}, {id_of(3), 6, 1}}));
    EXPECT_TRUE(writer->sent(1, milliseconds{2}, milliseconds{3}, {{id_of(4), 6, 2}}));
    EXPECT_TRUE(writer->ended(1, milliseconds{9}, 503, Outcome::indeterminate, {}));
    EXPECT_TRUE(writer->ended(0, milliseconds{8}, 202, Outcome::acked, {1}));
    EXPECT_TRUE(writer->sent(2, milliseconds{3}, milliseconds{4}, {{id_of(5), 6, 3}}));
    EXPECT_TRUE(writer->flush());
    return *file::read(path_);
  }

  Result<Ledger> read_bytes(const std::string& bytes) {
    return parse_ledger(bytes, path_.string());
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(LedgerFile, ReadsBackWhatWasWritten) {
  write_sample();
  const Result<Ledger> ledger = read_ledger(path_);
  ASSERT_TRUE(ledger.ok()) << ledger.error().message;
  EXPECT_EQ(ledger->header.run, "run-1");
  EXPECT_EQ(ledger->header.seed, 7U);
  EXPECT_EQ(ledger->header.started, header().started);
  EXPECT_EQ(ledger->header.target, "http://127.0.0.1:1/x");
  EXPECT_FALSE(ledger->truncated);

  std::vector<Outcome> outcomes;
  for (const LedgerEntry& entry : ledger->entries) outcomes.push_back(entry.outcome);
  EXPECT_THAT(outcomes, ::testing::ElementsAre(Outcome::acked, Outcome::rejected, Outcome::acked,
                                               Outcome::indeterminate, Outcome::indeterminate));
  EXPECT_EQ(ledger->entries[2].event.id, id_of(3));
  EXPECT_EQ(ledger->entries[2].event.key, 6U);
  EXPECT_EQ(ledger->entries[1].event.seq, 2U);
  EXPECT_EQ(ledger->entries[3].sent, milliseconds{3});
}

TEST_F(LedgerFile, CutAnywhereItReadsUpToTheCut) {
  const std::string whole = write_sample();
  const std::size_t header_bytes = 12 + 12 + 4 + 5 + 8 + 8 + 4 + 20;
  ASSERT_LT(header_bytes, whole.size());
  std::size_t seen = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<Ledger> ledger = read_bytes(whole.substr(0, size));
    if (size < header_bytes) {
      EXPECT_FALSE(ledger.ok()) << size;
      continue;
    }
    ASSERT_TRUE(ledger.ok()) << size << ": " << ledger.error().message;
    EXPECT_GE(ledger->entries.size(), seen) << size;
    seen = ledger->entries.size();
  }
  EXPECT_EQ(seen, 4U);  // all but the last request, whose record is cut
}

TEST_F(LedgerFile, CutInsideARecordSaysSoAndCutBetweenTwoDoesNot) {
  const std::string whole = write_sample();
  const std::size_t last_record = 12 + 1 + 8 + 8 + 8 + 4 + 28;
  EXPECT_TRUE(read_bytes(whole.substr(0, whole.size() - 1))->truncated);
  EXPECT_FALSE(read_bytes(whole.substr(0, whole.size() - last_record))->truncated);
  // After a power cut the file may have grown without its content.
  const Result<Ledger> zeros = read_bytes(whole + std::string(100, '\0'));
  ASSERT_TRUE(zeros.ok());
  EXPECT_TRUE(zeros->truncated);
  EXPECT_EQ(zeros->entries.size(), 5U);
}

TEST_F(LedgerFile, EveryFlippedBitIsFound) {
  const std::string whole = write_sample();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_FALSE(read_bytes(damaged).ok()) << "byte " << at << " bit " << bit;
    }
  }
}

TEST_F(LedgerFile, DamageIsReportedWithItsOffset) {
  std::string bytes = write_sample();
  const std::size_t first_record = 12 + 12 + 4 + 5 + 8 + 8 + 4 + 20;
  bytes[first_record + 40] = '!';
  const Result<Ledger> ledger = read_bytes(bytes);
  ASSERT_FALSE(ledger.ok());
  EXPECT_THAT(ledger.error().message,
              HasSubstr("damaged at offset " + std::to_string(first_record)));
  EXPECT_THAT(ledger.error().message, HasSubstr(path_.string()));
}

TEST_F(LedgerFile, OtherFilesAndVersionsAreToldApart) {
  EXPECT_THAT(read_bytes("hello, this is no ledger").error().message, HasSubstr("not a ledger"));
  std::string bytes = write_sample();
  bytes[8] = 9;
  EXPECT_THAT(read_bytes(bytes).error().message, HasSubstr("ledger of version 9"));
  std::filesystem::remove(path_);
  EXPECT_THAT(read_ledger(path_).error().message, HasSubstr("cannot open"));
}

TEST_F(LedgerFile, IsNeverWrittenTwice) {
  write_sample();
  const Result<LedgerWriter> again = LedgerWriter::create(path_, header());
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, HasSubstr("exists already"));
}

}  // namespace
}  // namespace stormlog::chaos
