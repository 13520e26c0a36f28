#include "common/postgres/sqlstate.hpp"

#include <gtest/gtest.h>

namespace stormlog::postgres {
namespace {

struct Case {
  const char* sqlstate;
  Failure failure;
  ErrorKind kind;
};

class SqlState : public testing::TestWithParam<Case> {};

TEST_P(SqlState, IsClassified) {
  EXPECT_EQ(to_string(classify(GetParam().sqlstate)), to_string(GetParam().failure));
  const Error error = make_error("it failed", GetParam().sqlstate);
  EXPECT_EQ(error.kind, GetParam().kind);
  EXPECT_EQ(error.code, GetParam().sqlstate);
}

INSTANTIATE_TEST_SUITE_P(
    Table, SqlState,
    testing::Values(Case{"", Failure::outage, ErrorKind::retriable},       // libpq knows no code
                    Case{"08006", Failure::outage, ErrorKind::retriable},  // connection failure
                    Case{"08001", Failure::outage, ErrorKind::retriable},
                    Case{"08S01", Failure::outage, ErrorKind::retriable},
                    Case{"57P01", Failure::outage, ErrorKind::retriable},    // admin shutdown
                    Case{"57P03", Failure::outage, ErrorKind::retriable},    // starting up
                    Case{"57014", Failure::outage, ErrorKind::retriable},    // statement timeout
                    Case{"53100", Failure::outage, ErrorKind::retriable},    // disk full
                    Case{"53300", Failure::outage, ErrorKind::retriable},    // too many connections
                    Case{"58030", Failure::outage, ErrorKind::retriable},    // I/O error
                    Case{"XX000", Failure::outage, ErrorKind::retriable},    // internal error
                    Case{"25006", Failure::outage, ErrorKind::retriable},    // standby
                    Case{"40003", Failure::outage, ErrorKind::retriable},    // completion unknown
                    Case{"40001", Failure::conflict, ErrorKind::retriable},  // serialization
                    Case{"40P01", Failure::conflict, ErrorKind::retriable},  // deadlock
                    Case{"55P03", Failure::conflict, ErrorKind::retriable},  // lock timeout
                    Case{"22021", Failure::data, ErrorKind::permanent},      // not in the encoding
                    Case{"22P05", Failure::data, ErrorKind::permanent},      // \u0000 in jsonb
                    Case{"22P02", Failure::data, ErrorKind::permanent},      // bad JSON
                    Case{"23505", Failure::data, ErrorKind::permanent},      // unique
                    Case{"23514", Failure::data, ErrorKind::permanent},      // check
                    Case{"54000", Failure::data, ErrorKind::permanent},      // index row too large
                    Case{"P0001", Failure::data, ErrorKind::permanent},      // raise exception
                    Case{"42P01", Failure::refused, ErrorKind::permanent},   // no such table
                    Case{"42501", Failure::refused, ErrorKind::permanent},   // no permission
                    Case{"28P01", Failure::refused, ErrorKind::permanent},   // password
                    Case{"3D000", Failure::refused, ErrorKind::permanent},   // no such database
                    Case{"25P02", Failure::refused,
                         ErrorKind::permanent}));  // in a failed transaction

}  // namespace
}  // namespace stormlog::postgres
