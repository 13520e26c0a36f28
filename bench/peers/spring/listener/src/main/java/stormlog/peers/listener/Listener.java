package stormlog.peers.listener;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.sql.PreparedStatement;
import java.sql.SQLException;
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
      "INSERT INTO bench_peer (id, timestamp, service, severity_number, severity_text, body)"
          + " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

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
    row.setObject(1, UUID.fromString(event.path("id").asText()));
    row.setLong(2, event.path("timestamp").asLong());
    row.setString(3, event.path("service").asText(null));
    row.setInt(4, event.path("severity_number").asInt());
    row.setString(5, event.path("severity_text").asText(null));
    row.setString(6, event.path("body").asText());
  }
}
