#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/document/node.hpp"

// What a stack file says: services, links, variables, and where events go in and must come out.
// It may describe a stack that `stormlog up` starts, or a foreign one that somebody else started.
namespace stormlog::chaos {

struct HealthCheck {
  enum class Kind { none, http, tcp, command };
  Kind kind = Kind::none;
  std::string url;                   // http: healthy on 2xx
  std::string address;               // tcp: healthy when it accepts
  std::vector<std::string> command;  // healthy on exit code 0
  std::chrono::milliseconds interval{500};
  std::chrono::milliseconds timeout{2'000};
  int unhealthy_after = 6;                         // failed checks in a row, once it was healthy
  std::chrono::milliseconds start_period{60'000};  // until the first healthy check
};

struct RestartPolicy {
  enum class When { never, on_failure, always };
  When when = When::always;
  std::chrono::milliseconds backoff{200};  // first wait; doubles up to max_backoff
  std::chrono::milliseconds max_backoff{10'000};
  std::chrono::milliseconds stable_after{10'000};  // running this long resets the back-off
  int crash_loop_after = 5;                        // ends in a row without having been stable
};

// A file rendered from a template before the service starts: ${…} is substituted.
struct RenderedFile {
  std::filesystem::path from;
  std::filesystem::path to;
};

struct ServiceSpec {
  std::string name;
  int line = 0;

  // Managed services have a command; foreign ones a way to find their process.
  std::vector<std::string> command;
  std::vector<std::vector<std::string>> prepare;  // once, in a data folder not yet prepared
  std::vector<RenderedFile> files;
  std::map<std::string, std::string> environment;
  std::string user;            // switched to when `up` runs as root; else ignored
  std::filesystem::path data;  // its folder, absolute; empty = none
  std::string data_version;    // stamp of the folder's format; another one is an error
  std::vector<std::uint16_t> ports;
  std::vector<std::string> depends_on;
  HealthCheck health;
  RestartPolicy restart;
  int stop_signal = 15;
  std::chrono::milliseconds stop_timeout{10'000};
  std::string install_hint;  // what to install when the command is missing

  // Foreign process: found by PID file or by the port it listens on.
  std::filesystem::path pid_file;
  std::uint16_t process_port = 0;

  // For the engine.
  std::string metrics_url;         // Prometheus text
  std::string breaker_events_url;  // SSE of transitions, where the service has one
  std::vector<std::pair<std::string, std::string>> headers;  // of the requests for both
  bool is_protected = false;                                 // never hit by a fault
  bool managed() const { return !command.empty(); }
};

struct LinkSpec {
  std::string name;
  std::string client;
  std::string server;
  std::string listen;         // "127.0.0.1:28081"
  std::string upstream;       // "127.0.0.1:8081"
  bool is_protected = false;  // never hit by a fault
  int line = 0;
};

// The proxy that the links run through: Stormlog's, or a Toxiproxy. Each link is a proxy of its
// name there.
struct ProxySpec {
  std::string api;      // "http://127.0.0.1:8474"
  std::string service;  // the service that it is, or "" where somebody else runs it
  int line = 0;
};

// How one event is sent. The template holds ${id} ${key} ${seq} ${run} ${time} ${unix_ms} ${pad}.
struct SendSpec {
  std::string url;
  std::string method = "POST";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string event;  // body template of one event
  enum class Batch { json_array, ndjson, single };
  Batch batch = Batch::json_array;  // how several events become one body; single: one a request
  // Where a 2xx body lists events that were refused all the same: JSON pointer of the list and the
  // member that holds the event's index in the request. Empty = 2xx accepts all of them.
  std::string rejected_list;
  std::string rejected_index = "index";
};

// A place where events must end up, read back after the drain.
struct SinkSpec {
  enum class Kind { sql, redis_stream, redis_keys, kafka };
  enum class Role { store, dlq };
  std::string name;
  Kind kind = Kind::sql;
  Role role = Role::store;
  int line = 0;
  std::string connection;  // libpq conninfo | redis://host:port/db | Kafka brokers
  // sql: SELECT of id text [, key text [, seq bigint]] in the order of storage; ${run} is known
  std::string query;
  // redis_stream: key pattern (SCAN MATCH) of streams; redis_keys: pattern whose keys' values are
  // events; kafka: topic
  std::string source;
  std::string id_field;   // stream field, or JSON pointer into the value ("/id")
  std::string key_field;  // the same for the key and sequence number; may be empty
  std::string seq_field;
};

struct LedgerSpec {
  std::optional<SendSpec> send;
  std::vector<SinkSpec> sinks;
  document::Node drained;  // list of probes that hold once nothing is under way; may be null
  std::chrono::milliseconds drain_timeout{60'000};
  // Without drain probes: drained when no sink has changed for this long.
  std::chrono::milliseconds quiet{5'000};
};

struct Stack {
  std::string name;
  std::filesystem::path file;
  std::filesystem::path root;  // folder of the file
  std::filesystem::path home;  // .stormlog: state, data, logs, runs
  document::Variables variables;
  std::vector<std::string> profiles;  // those that are active
  std::vector<ServiceSpec> services;  // in the order of the file
  std::vector<LinkSpec> links;
  std::optional<ProxySpec> proxy;
  LedgerSpec ledger;

  const ServiceSpec* service(std::string_view service_name) const;
  const LinkSpec* link(std::string_view link_name) const;
  std::vector<std::string> service_names() const;
  std::vector<std::string> link_names() const;
};

// Reads and checks a stack file. Every mistake is reported with file:line.
//
// Variables known in it: its own `variables`, ${stack} (the file), ${root}, ${home}, ${bin} (folder
// of the running program), ${cache} (downloads), and in a service ${data}; `overrides` win over its
// own.
// ${home} is $STORMLOG_HOME, else .stormlog beside the file.
Result<Stack> load_stack(const std::filesystem::path& path,
                         const std::vector<std::string>& profiles = {},
                         const document::Variables& overrides = {});

// ${home} of a stack file, also of one that cannot be read: $STORMLOG_HOME, else .stormlog beside
// it.
std::filesystem::path stack_home(const std::filesystem::path& stack_file);

// The stack file to use when none is given: $STORMLOG_STACK, else stack.yaml here or in a parent
// folder. An error that says so when there is none.
Result<std::filesystem::path> find_stack_file();

}  // namespace stormlog::chaos
