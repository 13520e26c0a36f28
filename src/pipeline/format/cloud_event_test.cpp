#include "common/http/message.hpp"
#include "pipeline/event/identity.hpp"
#include "pipeline/format/format_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;

constexpr char kEvent[] = R"({
  "specversion":"1.0","id":"A234-1234-1234","source":"/shop/orders","type":"com.example.order.placed",
  "subject":"order-17","time":"2026-01-31T12:00:00.5Z","datacontenttype":"application/json",
  "dataschema":"https://example.com/order.json","traceparent":
  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","severitytext":"WARN",
  "partitionkey":"customer-3","sampledrate":30,"urgent":true,"data":{"total":129.950}})";

class CloudEventTest : public FormatTest {
 protected:
  CloudEventTest() : FormatTest(cloud_event_format) {}
};

TEST_F(CloudEventTest, BecomesAnEvent) {
  const EventRecord event = stored(kEvent);
  EXPECT_EQ(event.event_name, "com.example.order.placed");
  EXPECT_EQ(event.service, "/shop/orders");
  EXPECT_EQ(event.timestamp_ns, 1'769'860'800'500'000'000);
  EXPECT_EQ(event.body, R"({"total":129.950})");
  EXPECT_TRUE(event.body_is_json);
  EXPECT_EQ(event.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(event.span_id, "00f067aa0ba902b7");
  EXPECT_EQ(event.trace_flags, 1);
  EXPECT_EQ(event.severity_number, 13);
  EXPECT_EQ(event.attributes,
            R"({"cloudevents.event_spec_version":"1.0","cloudevents.event_id":"A234-1234-1234",)"
            R"("cloudevents.event_source":"/shop/orders","cloudevents.event_subject":"order-17",)"
            R"("cloudevents.event_datacontenttype":"application/json",)"
            R"("cloudevents.event_dataschema":"https://example.com/order.json",)"
            R"("sampledrate":30,"urgent":true})");
  const ParsedRecords parsed = records(kEvent);
  EXPECT_TRUE(parsed.single);
  EXPECT_EQ((*decode_frames(parsed.frames, 1))[0].key, "customer-3");
}

TEST_F(CloudEventTest, SourceAndIdTogetherNameIt) {
  const auto with = [](const std::string& source, const std::string& id) {
    return R"({"specversion":"1.0","type":"t","source":")" + source + R"(","id":")" + id + R"("})";
  };
  EXPECT_EQ(stored(with("/a", "1")).id, stored(with("/a", "1")).id);
  EXPECT_NE(stored(with("/a", "1")).id, stored(with("/a", "2")).id);
  EXPECT_NE(stored(with("/a", "1")).id, stored(with("/b", "1")).id);
  EXPECT_NE(stored(with("/a", "bc")).id, stored(with("/ab", "c")).id);
  // Senders rely on it across versions.
  EXPECT_EQ(stored(with("/a", "1")).id, content_id("cloudevents", {"/a", "1"}));
  const std::string uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
  EXPECT_EQ(stored(with("/a", uuid)).id.to_string(), uuid);
}

TEST_F(CloudEventTest, DataMayBeAnything) {
  const auto with = [](const std::string& members) {
    return R"({"specversion":"1.0","type":"t","source":"s","id":"1")" + members + "}";
  };
  EXPECT_EQ(stored(with("")).body, "");
  EXPECT_EQ(stored(with(R"(,"data":"plain")")).body, "plain");
  EXPECT_EQ(stored(with(R"(,"data":[1])")).body, "[1]");
  EXPECT_EQ(stored(with(R"(,"data":null)")).body, "null");
  const EventRecord bytes = stored(with(R"(,"data_base64":"aGVsbG8=")"));
  EXPECT_EQ(bytes.body, "aGVsbG8=");
  EXPECT_THAT(bytes.attributes, HasSubstr(R"("cloudevents.data_encoding":"base64")"));
  EXPECT_EQ(stored(with(R"(,"subject":null,"data_base64":null)")).body, "");
}

TEST_F(CloudEventTest, RefusesByAttribute) {
  struct Row {
    std::string members;
    std::string code;
    std::string field;
  };
  const std::string long_text(257, 'x');
  const std::vector<Row> table = {
      {R"("id":"1","source":"s","type":"t")", "missing", "specversion"},
      {R"("specversion":"0.3","id":"1","source":"s","type":"t")", "invalid", "specversion"},
      {R"("specversion":1.0,"id":"1","source":"s","type":"t")", "invalid", "specversion"},
      {R"("specversion":"1.0","source":"s","type":"t")", "missing", "id"},
      {R"("specversion":"1.0","id":"","source":"s","type":"t")", "missing", "id"},
      {R"("specversion":"1.0","id":7,"source":"s","type":"t")", "invalid", "id"},
      {R"("specversion":"1.0","id":"1","type":"t")", "missing", "source"},
      {R"("specversion":"1.0","id":"1","source":"s")", "missing", "type"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","time":"now")", "invalid", "time"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","time":17)", "invalid", "time"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","time":"1912-06-23T00:00:00Z")",
       "invalid", "time"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","severitynumber":25)", "invalid",
       "severitynumber"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","Upper":"x")", "invalid", "Upper"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","a.b":"x")", "invalid", "a.b"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","ext":{})", "invalid", "ext"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","ext":1,"ext":2)", "duplicate", ""},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":"")",
       "duplicate", "data_base64"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"a b")", "invalid",
       "data_base64"},
      {R"("specversion":"1.0","id":"1","type":"t","source":")" + long_text + '"', "too_large",
       "source"},
      {R"("specversion":"1.0","id":"1","source":"s","type":")" + long_text + '"', "too_large",
       "type"},
      {R"("specversion":"1.0","id":"1","source":"s","type":"t","partitionkey":")" + long_text + '"',
       "too_large", "partitionkey"},
  };
  for (const Row& row : table) {
    const FieldError error = refused("{" + row.members + "}");
    EXPECT_EQ(error.code, row.code) << row.members << "\n" << error.detail;
    EXPECT_EQ(error.field, row.field) << row.members << "\n" << error.detail;
  }
}

TEST_F(CloudEventTest, StructuredIsOneAndABatchIsAnArray) {
  EXPECT_THAT(malformed("[]"), HasSubstr("object"));
  const auto batch = cloud_event_batch_format();
  std::string one = kEvent;
  EXPECT_FALSE(batch->parse(one, context_).ok());
  std::string two = "[" + std::string(kEvent) + R"(,{"specversion":"1.0"},)" + kEvent + "]";
  context_.ids = &ids_;
  const auto parsed = batch->parse(two, context_);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->count, 2U);
  ASSERT_EQ(parsed->errors.size(), 1U);
  EXPECT_EQ(parsed->errors[0].index, 1U);
  EXPECT_EQ(parsed->errors[0].error.code, "missing");
  EXPECT_FALSE(parsed->single);
}

class CloudEventBinaryTest : public FormatTest {
 protected:
  CloudEventBinaryTest() : FormatTest(cloud_event_binary_format) { context_.headers = &headers_; }
  http::Headers headers_{{"ce-specversion", "1.0"},
                         {"CE-Type", "com.example.order.placed"},
                         {"ce-source", "/shop"},
                         {"ce-id", "caf%C3%A9"},
                         {"ce-comexampleextension1", "value"},
                         {"Content-Type", "application/json; charset=utf-8"}};
};

TEST_F(CloudEventBinaryTest, ContextIsInHeadersAndDataAreTheBody) {
  const EventRecord event = stored(R"( {"total": 129.950} )");
  EXPECT_EQ(event.event_name, "com.example.order.placed");
  EXPECT_EQ(event.service, "/shop");
  EXPECT_EQ(event.body, R"({"total":129.950})");
  EXPECT_THAT(event.attributes, HasSubstr("\"cloudevents.event_id\":\"caf\xC3\xA9\""));
  EXPECT_THAT(event.attributes, HasSubstr(R"("comexampleextension1":"value")"));
  EXPECT_THAT(event.attributes, HasSubstr(R"("application/json; charset=utf-8")"));
  EXPECT_EQ(stored("17").body, "17");
  EXPECT_EQ(stored("").body, "");
}

TEST_F(CloudEventBinaryTest, DataThatAreNotJsonAreTextOrBase64) {
  headers_.set("Content-Type", "text/plain");
  EXPECT_EQ(stored("line \"1\"\n").body, "line \"1\"\n");
  headers_.set("Content-Type", "application/octet-stream");
  const EventRecord event = stored("\xFF\x01");
  EXPECT_EQ(event.body, "/wE=");
  EXPECT_THAT(event.attributes, HasSubstr("base64"));
}

TEST_F(CloudEventBinaryTest, RefusesWhatIsNone) {
  for (const char* body : {"{", "1 2", "1,2", "1],[2", "]", " ", "nope", "{\"a\":\"\xFF\"}"}) {
    EXPECT_NE(malformed(body), "") << body;
  }
  http::Headers good = headers_;
  headers_.set("ce-id", "%FF");
  EXPECT_EQ(refused("1").field, "id");
  headers_ = good;
  headers_.add("CE-ID", "2");
  EXPECT_EQ(refused("1").code, "duplicate");
  headers_ = good;
  headers_.add("ce-datacontenttype", "text/plain");
  EXPECT_EQ(refused("1").field, "datacontenttype");
  headers_ = good;
  headers_.set("ce-time", "noon");
  EXPECT_EQ(refused("1").field, "time");
  headers_ = good;
  std::string nuls;
  for (int i = 0; i < 100; ++i) nuls += "%00";  // of which 300 bytes become
  headers_.set("ce-type", nuls);
  EXPECT_EQ(refused("1").code, "too_large");
}

}  // namespace
}  // namespace stormlog::pipeline
