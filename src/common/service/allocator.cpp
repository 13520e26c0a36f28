// How jemalloc is set up in the services; the environment's MALLOC_CONF goes before it.
//
// A thread keeps pieces of up to 128 KiB for its next use, where 32 KiB is jemalloc's default. For
// each request to Kafka librdkafka asks for 64 KiB of zeroed memory, to compress into: kept by the
// thread that is cleared in microseconds, taken from the system it costs a tenth of the producer's
// time in madvise() and page faults.
//
// Source: jemalloc(3), TUNING and opt.tcache_max.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "tcache_max:131072";
}
