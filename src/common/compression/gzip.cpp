#include <zlib.h>

#include "common/compression/output.hpp"

namespace stormlog::compression {
namespace {

constexpr int kGzip = MAX_WBITS + 16;
constexpr int kZlib = MAX_WBITS;
constexpr int kRaw = -MAX_WBITS;

class Inflater {
 public:
  explicit Inflater(int window_bits) : ready_(inflateInit2(&stream_, window_bits) == Z_OK) {}
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<std::string> run(std::string_view packed, std::size_t max_bytes, bool several_members);

 private:
  z_stream stream_{};
  bool ready_;
};

Result<std::string> Inflater::run(std::string_view packed, std::size_t max_bytes,
                                  bool several_members) {
  if (!ready_) return Error::retriable("no memory to decompress with");
  // A server's bodies are far shorter than zlib's counters.
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream_.avail_in = static_cast<uInt>(packed.size());
  Output output(packed.size(), max_bytes);
  for (;;) {
    if (output.free_bytes() == 0) output.grow();
    const std::size_t room = output.free_bytes();
    stream_.next_out = reinterpret_cast<Bytef*>(output.free());
    stream_.avail_out = static_cast<uInt>(room);
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    output.took(room - stream_.avail_out);
    if (output.too_large()) return too_large(max_bytes);
    if (status == Z_STREAM_END) {
      if (stream_.avail_in == 0) return std::move(output).take();
      if (!several_members) return corrupt("more bytes behind the compressed data's end");
      if (inflateReset(&stream_) != Z_OK) return corrupt("not compressed as declared");
    } else if (status == Z_BUF_ERROR ||
               (status == Z_OK && stream_.avail_in == 0 && stream_.avail_out != 0)) {
      return corrupt("the compressed data end early");
    } else if (status != Z_OK) {
      return corrupt(std::string("not compressed as declared") +
                     (stream_.msg != nullptr ? ": " + std::string(stream_.msg) : ""));
    }
  }
}

}  // namespace

Result<std::string> gunzip(std::string_view packed, std::size_t max_bytes) {
  return Inflater(kGzip).run(packed, max_bytes, true);
}

Result<std::string> inflate(std::string_view packed, std::size_t max_bytes) {
  // zlib's header: method 8, and both bytes together divisible by 31. Source: RFC 1950 §2.2.
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(packed[at]); };
  const bool wrapped =
      packed.size() >= 2 && (byte(0) & 0x0F) == 8 && (byte(0) * 256 + byte(1)) % 31 == 0;
  return Inflater(wrapped ? kZlib : kRaw).run(packed, max_bytes, false);
}

}  // namespace stormlog::compression
