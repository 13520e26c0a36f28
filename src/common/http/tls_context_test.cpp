#include "common/http/tls_context.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/http/tls_test_support.hpp"

namespace stormlog::http {
namespace {

using ::testing::HasSubstr;

class TlsContextTest : public ::testing::Test {
 protected:
  TlsMaterial good() const { return {server_.certificate(), server_.key(), {}, {}}; }
  static std::string complaint(const TlsMaterial& material) {
    const auto made = TlsContext::make(material);
    EXPECT_FALSE(made.ok());
    return made.ok() ? "" : made.error().message;
  }

  const TestCertificate authority_{"authority"};
  const TestCertificate server_{"server", &authority_};
  const TestCertificate other_{"other", &authority_};
};

TEST_F(TlsContextTest, TakesAPairAndAChain) {
  const auto made = TlsContext::make(good());
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ((*made)->subject(), "CN=server");
  const auto left = (*made)->expiry() - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::hours(22));
  EXPECT_LT(left, std::chrono::hours(25));
  TlsMaterial chain = good();
  chain.certificate += authority_.certificate();
  EXPECT_TRUE(TlsContext::make(chain).ok());
}

TEST_F(TlsContextTest, EachBadPartIsNamed) {
  TlsMaterial material = good();
  material.certificate = "";
  EXPECT_THAT(complaint(material), HasSubstr("the certificate is not PEM"));
  material.certificate = server_.key();
  EXPECT_THAT(complaint(material), HasSubstr("the certificate is not PEM"));
  material.certificate = server_.certificate() + "-----BEGIN CERTIFICATE-----\nAAAA\n";
  EXPECT_THAT(complaint(material), HasSubstr("the certificate is not PEM"));
  material = good();
  material.key = "nonsense";
  EXPECT_THAT(complaint(material), HasSubstr("the key is not PEM without a passphrase"));
  material.key = server_.key("secret");
  EXPECT_THAT(complaint(material), HasSubstr("without a passphrase"));
  material.key = other_.key();
  EXPECT_THAT(complaint(material), HasSubstr("the key does not belong to the certificate"));
  // A failure leaves nothing behind that would spoil the next one.
  EXPECT_TRUE(TlsContext::make(good()).ok());
}

TEST_F(TlsContextTest, AClientCaIsReadOnlyWhereClientsAreAsked) {
  TlsMaterial material = good();
  material.client_ca = "nonsense";
  EXPECT_TRUE(TlsContext::make(material).ok());
  material.client = ClientCertificate::required;
  EXPECT_THAT(complaint(material), HasSubstr("the client CA is not PEM"));
  material.client_ca = authority_.certificate() + other_.certificate();
  EXPECT_TRUE(TlsContext::make(material).ok());
  material.client = ClientCertificate::optional;
  EXPECT_TRUE(TlsContext::make(material).ok());
}

}  // namespace
}  // namespace stormlog::http
