#include "common/http/tls_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/http/tls_test_support.hpp"

namespace stormlog::http {
namespace {

using ::testing::HasSubstr;

class TlsIdentityTest : public ::testing::Test {
 protected:
  TlsIdentityTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tls-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    config_.certificate = write("certificate", first_.certificate());
    config_.key = write("key", first_.key());
  }
  ~TlsIdentityTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  const TestCertificate first_{"first"};
  const TestCertificate second_{"second"};
  std::filesystem::path folder_;
  TlsConfig config_;
};

TEST_F(TlsIdentityTest, ANewPairTakesEffectAndHalfAPairDoesNot) {
  const auto identity = *TlsIdentity::load(config_);
  const auto before = identity->context();
  EXPECT_EQ(before->subject(), "CN=first");
  EXPECT_FALSE(*identity->reload());
  write("certificate", second_.certificate());
  const auto half = identity->reload();
  ASSERT_FALSE(half.ok());
  EXPECT_THAT(half.error().message, HasSubstr("does not belong"));
  EXPECT_THAT(half.error().message, HasSubstr(config_.key));
  EXPECT_EQ(identity->context(), before);
  EXPECT_FALSE(*identity->reload());  // told once
  write("key", second_.key());
  EXPECT_TRUE(*identity->reload());
  EXPECT_EQ(identity->context()->subject(), "CN=second");
}

TEST_F(TlsIdentityTest, AFileThatGoesIsAnErrorAndItsReturnIsFound) {
  const auto identity = *TlsIdentity::load(config_);
  std::filesystem::remove(config_.key);
  EXPECT_THAT(identity->reload().error().message, HasSubstr("tls-key"));
  EXPECT_FALSE(*identity->reload());
  EXPECT_EQ(identity->context()->subject(), "CN=first");
  write("key", first_.key());
  EXPECT_TRUE(*identity->reload());
}

TEST_F(TlsIdentityTest, AClientCaIsReplacedToo) {
  config_.client_ca = write("ca", first_.certificate());
  const auto identity = *TlsIdentity::load(config_);
  write("ca", "nonsense");
  EXPECT_THAT(identity->reload().error().message, HasSubstr("client CA"));
  write("ca", second_.certificate());
  EXPECT_TRUE(*identity->reload());
}

TEST_F(TlsIdentityTest, OptionsThatDoNotGoTogetherAreRefused) {
  EXPECT_TRUE(check_tls({}).ok());
  EXPECT_TRUE(check_tls(config_).ok());
  TlsConfig half;
  half.key = config_.key;
  EXPECT_THAT(check_tls(half).error().message, HasSubstr("tls-key does nothing"));
  half.key = "";
  half.client_ca = config_.certificate;
  EXPECT_THAT(check_tls(half).error().message, HasSubstr("tls-client-ca does nothing"));
  half.certificate = config_.certificate;
  EXPECT_THAT(check_tls(half).error().message, HasSubstr("needs a tls-key"));
}

}  // namespace
}  // namespace stormlog::http
