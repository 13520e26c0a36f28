package stormlog.peers.listener;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.util.List;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.listener.AbstractConsumerSeekAware;

/**
 * Stores what Stormlog's producer has published: one JDBC batch for each poll. A line on standard input
 * makes it read the topic from its beginning again, so that it can be measured warm.
 */
@SpringBootApplication
public class Listener extends AbstractConsumerSeekAware {
  private static final String INSERT =
      "INSERT INTO bench_peer (id, ts, timestamp, observed_timestamp, service, severity_number,"
          + " severity_text, body, trace_id, span_id, event_name, attributes, resource, scope,"
          + " kafka_partition, kafka_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb,"
          + " ?::jsonb, ?::jsonb, ?, ?) ON CONFLICT DO NOTHING";

  private static final List<String> TEXTS =
      List.of("severity_text", "body", "trace_id", "span_id", "event_name");
  private static final List<String> OBJECTS = List.of("attributes", "resource", "scope");

  private final JdbcTemplate jdbc;
  private final ObjectMapper json = new ObjectMapper();

  public Listener(JdbcTemplate jdbc) {
    this.jdbc = jdbc;
  }

  public static void main(String[] arguments) throws IOException {
    Listener listener = SpringApplication.run(Listener.class, arguments).getBean(Listener.class);
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    while (input.readLine() != null) listener.seekToBeginning();
  }

  @KafkaListener(topics = "${TOPIC:logs}", groupId = "${GROUP:bench-spring}", batch = "true",
      concurrency = "2")
  public void store(List<ConsumerRecord<byte[], byte[]>> records) {
    jdbc.batchUpdate(INSERT, records, records.size(), this::bind);
  }

  private void bind(PreparedStatement row, ConsumerRecord<byte[], byte[]> record)
      throws SQLException {
    JsonNode event;
    try {
      event = json.readTree(record.value());
    } catch (IOException bad) {
      throw new SQLException("record " + record.offset() + " is not JSON", bad);
    }
    long nanoseconds = event.path("timestamp").asLong();
    int column = 0;
    row.setObject(++column, UUID.fromString(event.path("id").asText()));
    row.setTimestamp(++column, new Timestamp(nanoseconds / 1_000_000));
    row.setLong(++column, nanoseconds);
    row.setLong(++column, event.path("observed_timestamp").asLong());
    row.setString(++column, event.path("service").asText());
    row.setInt(++column, event.path("severity_number").asInt());
    for (String name : TEXTS) row.setString(++column, text(event.path(name)));
    for (String name : OBJECTS) {
      row.setString(++column, event.has(name) ? event.get(name).toString() : "{}");
    }
    row.setInt(++column, record.partition());
    row.setLong(++column, record.offset());
  }

  private static String text(JsonNode node) {
    return node.isMissingNode() ? null : node.asText();
  }
}
