#include "chaos/stack/provision.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "chaos/stack/launch.hpp"
#include "common/base/file.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStamp = ".stormlog-version";
// A service that is prepared but names no version.
constexpr const char* kUnnamed = "unnamed";

std::string version_of(const ServiceSpec& service) {
  return service.data_version.empty() ? kUnnamed : service.data_version;
}

fs::path marker_of(const ServiceSpec& service) {
  return service.data.parent_path() / ("." + service.name + ".preparing");
}

Error failed(const std::string& what, const fs::path& path) {
  return Error::permanent("cannot " + what + " " + path.string() + ": " + std::strerror(errno));
}

// The user to give files to; nothing when we stay who we are.
Result<std::optional<UserAccount>> new_owner(const ServiceSpec& service) {
  if (service.user.empty() || ::geteuid() != 0) return std::optional<UserAccount>();
  auto user = find_user(service.user);
  if (!user.ok()) return user.error();
  return std::optional<UserAccount>(std::move(*user));
}

Result<void> give(const fs::path& path, const std::optional<UserAccount>& owner) {
  if (owner && ::lchown(path.c_str(), owner->uid, owner->gid) != 0) {
    return failed("change the owner of", path);
  }
  return {};
}

Result<void> make_data_folder(const ServiceSpec& service, const std::optional<UserAccount>& owner) {
  if (auto made = file::make_dirs(service.data.parent_path()); !made.ok()) return made;
  std::error_code code;
  if (preparation_interrupted(service)) {
    fs::remove_all(service.data, code);
    if (code)
      return Error::permanent("cannot empty " + service.data.string() + ": " + code.message());
    fs::remove(marker_of(service), code);
  }
  if (::mkdir(service.data.c_str(), 0700) == 0) return give(service.data, owner);
  if (errno != EEXIST) return failed("make", service.data);
  struct stat status {};
  if (::stat(service.data.c_str(), &status) != 0) return failed("read", service.data);
  if (!owner || status.st_uid == owner->uid) return {};
  // It was made when the service ran as somebody else.
  if (auto given = give(service.data, owner); !given.ok()) return given;
  for (const auto& entry : fs::recursive_directory_iterator(service.data, code)) {
    if (auto given = give(entry.path(), owner); !given.ok()) return given;
  }
  return {};
}

Result<void> render(const RenderedFile& rendered, const document::Variables& variables,
                    const std::optional<UserAccount>& owner) {
  const auto text = file::read(rendered.from);
  if (!text.ok()) return text.error();
  const auto content = document::substitute(*text, variables);
  if (!content.ok()) return content.error().in(rendered.from.string());
  if (auto made = file::make_dirs(rendered.to.parent_path()); !made.ok()) return made;
  if (auto written = file::write_atomic(rendered.to, *content); !written.ok()) return written;
  return give(rendered.to, owner);
}

}  // namespace

std::string data_stamp(const ServiceSpec& service) {
  if (service.data.empty()) return {};
  const auto text = file::read(service.data / kStamp);
  if (!text.ok()) return {};
  return text->substr(0, text->find('\n'));
}

bool preparation_interrupted(const ServiceSpec& service) {
  std::error_code code;
  return !service.data.empty() && fs::exists(marker_of(service), code);
}

bool needs_preparation(const ServiceSpec& service) {
  return !service.data.empty() && data_stamp(service).empty() &&
         (!service.prepare.empty() || !service.data_version.empty());
}

Result<void> provision(const ServiceSpec& service, const document::Variables& variables) {
  const auto owner = new_owner(service);
  if (!owner.ok()) return owner.error();
  document::Variables known = variables;
  if (!service.data.empty()) {
    if (auto made = make_data_folder(service, *owner); !made.ok()) return made;
    known["data"] = service.data.string();
  }
  for (const auto& rendered : service.files) {
    if (auto done = render(rendered, known, *owner); !done.ok()) return done;
  }
  return {};
}

Result<void> begin_preparation(const ServiceSpec& service) {
  return file::write_atomic(marker_of(service), version_of(service) + "\n");
}

Result<void> finish_preparation(const ServiceSpec& service) {
  const auto owner = new_owner(service);
  if (!owner.ok()) return owner.error();
  const fs::path stamp = service.data / kStamp;
  if (auto done = file::write_atomic(stamp, version_of(service) + "\n"); !done.ok()) return done;
  if (auto given = give(stamp, *owner); !given.ok()) return given;
  std::error_code code;
  fs::remove(marker_of(service), code);
  return {};
}

}  // namespace stormlog::chaos
