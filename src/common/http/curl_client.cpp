#include "common/http/curl_client.hpp"

#include <curl/curl.h>

#include <memory>

#include "common/http/event_stream.hpp"

namespace stormlog::http {
namespace {

struct CurlGlobal {
  CurlGlobal() { ::curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct EasyDeleter {
  void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
};
struct MultiDeleter {
  void operator()(CURLM* handle) const { ::curl_multi_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

Easy make_easy() {
  static const CurlGlobal global;
  return Easy(::curl_easy_init());
}

// "http://user:secret@host/" → "http://host/": messages never hold credentials.
std::string without_credentials(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const std::size_t host = scheme + 3;
  const std::size_t path = std::min(url.find('/', host), url.size());
  const std::size_t at = url.rfind('@', path);
  if (at == std::string::npos || at < host || at >= path) return url;
  return url.substr(0, host) + url.substr(at + 1);
}

struct Transfer {
  FetchResponse response;
  std::uint64_t max_bytes = 0;
  bool too_long = false;
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  if (transfer->response.body.size() + size > transfer->max_bytes) {
    transfer->too_long = true;
    return 0;
  }
  transfer->response.body.append(data, size);
  return size;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  std::string_view line(data, size);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    transfer->response.headers = {};  // of the response after a redirect or a 100 Continue
    return size;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  transfer->response.headers.add(std::string(line.substr(0, colon)), std::string(value));
  return size;
}

List set_up(CURL* easy, const FetchRequest& request) {
  ::curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
  ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(request.connect_timeout.count()));
  ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request.verify_tls ? 1L : 0L);
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request.verify_tls ? 2L : 0L);
  if (!request.unix_socket.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  }
  if (request.method == "HEAD") {
    ::curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else {
    ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  curl_slist* list = nullptr;
  for (const auto& [name, value] : request.headers) {
    list = ::curl_slist_append(list, (name + ": " + value).c_str());
  }
  list = ::curl_slist_append(list, "Expect:");
  ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
  return List(list);
}

Error curl_error(CURLcode code, const FetchRequest& request) {
  return Error::retriable(without_credentials(request.url) + ": " + ::curl_easy_strerror(code),
                          std::to_string(static_cast<int>(code)));
}

}  // namespace

Result<FetchResponse> fetch(const FetchRequest& request) {
  // Connections are kept in the handle; options are reset for each request.
  thread_local Easy easy = make_easy();
  if (!easy) return Error::fatal("libcurl could not be initialised");
  ::curl_easy_reset(easy.get());
  const List headers = set_up(easy.get(), request);
  Transfer transfer;
  transfer.max_bytes = request.max_response_bytes;
  ::curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, on_body);
  ::curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &transfer);
  ::curl_easy_setopt(easy.get(), CURLOPT_HEADERFUNCTION, on_header);
  ::curl_easy_setopt(easy.get(), CURLOPT_HEADERDATA, &transfer);

  const MonotonicTime start = SystemClock::instance().now();
  const CURLcode code = ::curl_easy_perform(easy.get());
  transfer.response.duration = SystemClock::instance().now() - start;
  if (transfer.too_long) {
    return Error::permanent(without_credentials(request.url) + ": the response is longer than " +
                            std::to_string(request.max_response_bytes) + " bytes");
  }
  if (code != CURLE_OK) return curl_error(code, request);
  long status = 0;
  ::curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  return std::move(transfer.response);
}

namespace {

struct StreamTransfer {
  EventStreamParser parser;
  CURL* easy = nullptr;
  const std::function<bool(std::string_view, std::string_view)>* on_event = nullptr;
  const std::function<void()>* on_open = nullptr;
  bool opened = false;
  bool ended_by_callback = false;
};

std::size_t on_stream(char* data, std::size_t, std::size_t size, void* context) {
  auto* stream = static_cast<StreamTransfer*>(context);
  long status = 0;
  ::curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return 0;
  if (!stream->opened) {
    stream->opened = true;
    if (*stream->on_open) (*stream->on_open)();
  }
  const bool go_on = stream->parser.feed({data, size}, *stream->on_event);
  stream->ended_by_callback = !go_on;
  return go_on ? size : 0;
}

}  // namespace

Result<void> read_event_stream(
    const FetchRequest& request, const std::atomic<bool>& stop,
    const std::function<bool(std::string_view event, std::string_view data)>& on_event,
    const std::function<void()>& on_open) {
  constexpr int kPollMs = 20;
  const Easy easy = make_easy();
  const std::unique_ptr<CURLM, MultiDeleter> multi(::curl_multi_init());
  if (!easy || !multi) return Error::fatal("libcurl could not be initialised");
  const List headers = set_up(easy.get(), request);
  StreamTransfer stream;
  stream.easy = easy.get();
  stream.on_event = &on_event;
  stream.on_open = &on_open;
  ::curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, on_stream);
  ::curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &stream);
  ::curl_multi_add_handle(multi.get(), easy.get());

  // The multi interface, because easy_perform looks at its callbacks once a second only.
  int running = 1;
  while (running > 0 && !stop) {
    if (::curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
    if (running > 0) ::curl_multi_poll(multi.get(), nullptr, 0, kPollMs, nullptr);
  }
  CURLcode code = CURLE_OK;
  int left = 0;
  while (const CURLMsg* message = ::curl_multi_info_read(multi.get(), &left)) {
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  }
  ::curl_multi_remove_handle(multi.get(), easy.get());
  long status = 0;
  ::curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (stop || stream.ended_by_callback) return {};
  if (status != 0 && status != 200) {
    return Error::permanent(without_credentials(request.url) + ": status " + std::to_string(status),
                            "STATUS");
  }
  if (code != CURLE_OK) return curl_error(code, request);
  return {};
}

}  // namespace stormlog::http
