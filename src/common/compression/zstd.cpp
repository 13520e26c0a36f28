#include <zstd.h>

#include <memory>

#include "common/compression/output.hpp"

namespace stormlog::compression {
namespace {

// What every decoder should support, and no more: the window is memory that the sender chooses.
constexpr int kMaxWindowLog = 23;

struct Free {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

Result<std::string> unzstd(std::string_view packed, std::size_t max_bytes) {
  const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (!context) return Error::retriable("no memory to decompress with");
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  Output output(packed.size(), max_bytes);
  std::size_t hint = 1;  // 0 once a frame has ended
  while (in.pos < in.size || hint != 0) {
    if (output.free_bytes() == 0) output.grow();
    ZSTD_outBuffer out{output.free(), output.free_bytes(), 0};
    const std::size_t before = in.pos;
    hint = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(hint) != 0) {
      return corrupt(std::string("not compressed as declared: ") + ZSTD_getErrorName(hint));
    }
    output.took(out.pos);
    if (output.too_large()) return too_large(max_bytes);
    if (hint != 0 && in.pos == before && out.pos == 0) {
      return corrupt("the compressed data end early");
    }
  }
  return std::move(output).take();
}

}  // namespace stormlog::compression
