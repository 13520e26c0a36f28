package stormlog.peers.producer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.http.ResponseEntity;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** POST /api/v1/logs: one event or an array; 202 when Kafka has acknowledged all of it. */
@SpringBootApplication
@RestController
public class Producer {
  private static final ResponseEntity<String> BAD_REQUEST = ResponseEntity.badRequest().build();

  private final KafkaTemplate<String, byte[]> kafka;
  private final ObjectMapper json;

  public Producer(KafkaTemplate<String, byte[]> kafka, ObjectMapper json) {
    this.kafka = kafka;
    this.json = json;
  }

  public static void main(String[] arguments) {
    SpringApplication.run(Producer.class, arguments);
  }

  @PostMapping(path = "/api/v1/logs", consumes = "application/json", produces = "application/json")
  public Mono<ResponseEntity<String>> post(@RequestBody byte[] body) {
    List<CompletableFuture<?>> sent = new ArrayList<>();
    try {
      JsonNode root = json.readTree(body);
      if (root.isObject()) {
        sent.add(send(root, body));
      } else if (root.isArray()) {
        for (JsonNode event : root) sent.add(send(event, json.writeValueAsBytes(event)));
      } else {
        return Mono.just(BAD_REQUEST);
      }
    } catch (IOException | IllegalArgumentException bad) {
      return Mono.just(BAD_REQUEST);
    }
    int count = sent.size();
    return Mono.fromFuture(CompletableFuture.allOf(sent.toArray(CompletableFuture[]::new)))
        .thenReturn(ResponseEntity.accepted().body("{\"accepted\":" + count + "}"))
        .onErrorReturn(ResponseEntity.status(503).body("{\"accepted\":0}"));
  }

  private CompletableFuture<?> send(JsonNode event, byte[] value) {
    if (!event.path("service").isTextual() || !event.has("body")) {
      throw new IllegalArgumentException("service and body are needed");
    }
    return kafka.sendDefault(event.path("key").asText(null), value);
  }
}
