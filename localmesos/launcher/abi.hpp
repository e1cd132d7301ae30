// The declarations of libmesos 1.11.0 (commit 04bc7ee) that the launcher calls, and no others.
//
// Owns the binary interface: names, signatures and layouts. The compiler mangles the names, and the linker checks that
// the library has each one. Nothing here has behaviour of its own. A `storage` member stands for an unknown layout; it
// is larger than the real object (sizes: `operator new` in local::launch()).
#pragma once

#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

// ---- stout ----------------------------------------------------------------------------------------------------

template <typename T>
class Option {
public:
  Option() : state_(NONE) {}
  Option(const T& value) : state_(SOME) { new (&value_) T(value); }
  Option(const Option& other) : state_(other.state_) {
    if (isSome()) new (&value_) T(other.value_);
  }
  ~Option() {
    if (isSome()) value_.~T();
  }
  Option& operator=(const Option& other) {
    if (this != &other) {
      this->~Option();
      new (this) Option(other);
    }
    return *this;
  }
  bool isSome() const { return state_ == SOME; }
  bool isNone() const { return state_ == NONE; }
  const T& get() const { return value_; }
  T& get() { return value_; }

private:
  enum State { SOME, NONE } state_;
  union { T value_; };
};

struct Error { std::string message; };
struct Nothing {};
struct Duration { int64_t nanoseconds; };

template <typename T>
class Try {  // the callee fills it: the size matters
public:
  ~Try() {}
  bool isError() const { return value_.isNone(); }
  const std::string& error() const { return error_.get().message; }
  const T& get() const { return value_.get(); }
  T& get() { return value_.get(); }

private:
  Option<T> value_;
  Option<Error> error_;
};

namespace flags {
class FlagsBase;
struct Warning { std::string message; };
struct Warnings { std::vector<Warning> warnings; };
struct Name { std::string value; bool deprecated; };
struct Path { std::string value; char separator; };
struct SecurePathOrValue { Option<Path> path; std::string value; };

struct Flag {
  Name name;
  Option<Name> alias, loadedName;
  std::string help;
  bool boolean;
  std::function<Try<Nothing>(FlagsBase*, const std::string&)> load;
  std::function<Option<std::string>(const FlagsBase&)> stringify;  // its closure begins with the member's offset
  std::function<Option<Error>(const FlagsBase&)> validate;
  bool required;
};

class FlagsBase {
public:
  FlagsBase();
  virtual ~FlagsBase();
  virtual Try<Warnings> load(const std::string& prefix);
  virtual Try<Warnings> load(const Option<std::string>& prefix, int argc, const char* const* argv, bool unknowns,
                             bool duplicates);
  virtual Try<Warnings> load(const Option<std::string>& prefix, int* argc, char*** argv, bool unknowns,
                             bool duplicates);
  virtual Try<Warnings> load(const std::map<std::string, Option<std::string>>& values, bool unknowns,
                             const Option<std::string>& prefix);
  virtual Try<Warnings> load(const std::map<std::string, std::string>& values, bool unknowns,
                             const Option<std::string>& prefix);
  std::string usage(const Option<std::string>& message) const;

  bool help;
  std::string programName_;
  Option<std::string> usageMessage_;
  std::map<std::string, Flag> flags_;
  std::map<std::string, std::string> aliases_;
};
}  // namespace flags

class Subcommand {
public:
  explicit Subcommand(const std::string& name) : name_(name) {}
  virtual ~Subcommand();
  virtual int execute() = 0;
  virtual flags::FlagsBase* getFlags();

private:
  std::string name_;
  flags::FlagsBase flags_;
};

// ---- glog -----------------------------------------------------------------------------------------------------

namespace google {
class LogMessage {
public:
  LogMessage(const char* file, int line, int severity);
  ~LogMessage();
  std::ostream& stream();
  void Flush();

private:
  char storage[256];
};
}  // namespace google

// ---- libprocess -----------------------------------------------------------------------------------------------

namespace process {
class ProcessBase;
struct UPID {
  ~UPID() {}
  alignas(8) char storage[256];
};

bool initialize(const Option<std::string>& delegate, const Option<std::string>& readwriteRealm,
                const Option<std::string>& readonlyRealm);
UPID spawn(ProcessBase*, bool manage);
bool wait(const UPID&, const Duration&);
namespace ID {
std::string generate(const std::string& prefix);
}

class RateLimiter {
public:
  RateLimiter(int permits, const Duration&);
  virtual ~RateLimiter();
  char storage[64];
};

template <typename T>
class Owned {
public:
  T* get() const { return *data; }

private:
  std::shared_ptr<T*> data;
};

template <typename T>
class Future {
public:
  enum State { PENDING, READY, FAILED, DISCARDED };
  struct Data {
    char lock;
    State state;
    bool discard, associated, abandoned;
    Try<Option<T>> result;
  };
  ~Future() {}
  bool await(const Duration&) const;
  std::shared_ptr<Data> data;
};

namespace network {
namespace unix {
class Address;
}
namespace internal {
class SocketImpl;
template <typename A>
class Socket {
  std::shared_ptr<SocketImpl> impl;
};
}  // namespace internal
}  // namespace network
}  // namespace process

namespace zookeeper {
struct Authentication {
  Authentication(const std::string& s, const std::string& c) : scheme(s), credentials(c) {}
  std::string scheme, credentials;
};
}  // namespace zookeeper

// ---- mesos, public --------------------------------------------------------------------------------------------

namespace mesos {
class ACLs;
class Modules;
class SecretGenerator;

class Authorizer {
public:
  static Try<Authorizer*> create(const ACLs&);
  static Try<Authorizer*> create(const std::string& name);
};
class SecretResolver {
public:
  static Try<SecretResolver*> create(const Option<std::string>&);
};
class MasterInfo {
public:
  MasterInfo(const MasterInfo&);
  virtual ~MasterInfo();
  char storage[256];
};

namespace modules {
class ModuleManager {
public:
  static Try<Nothing> load(const std::string& modulesDir);
  static Try<Nothing> loadManifest(const Modules&);
};
}  // namespace modules

namespace allocator {
class Allocator;
}

namespace log {
class Log {
public:
  Log(int quorum, const std::string& path, const std::set<process::UPID>& pids, bool autoInitialize,
      const Option<std::string>& metricsPrefix);
  Log(int quorum, const std::string& path, const std::string& servers, const Duration& timeout,
      const std::string& znode, const Option<zookeeper::Authentication>&, bool autoInitialize,
      const Option<std::string>& metricsPrefix);
  char storage[64];
};
}  // namespace log

namespace state {
struct Storage {};
struct InMemoryStorage : Storage {
  InMemoryStorage();
  char storage[64];
};
struct LogStorage : Storage {
  LogStorage(log::Log*, size_t diffsBetweenSnapshots);
  char storage[64];
};
struct State {
  explicit State(Storage* s) : storage(s) {}
  virtual ~State() {}
  Storage* storage;
};
}  // namespace state

namespace master {
namespace contender {
class MasterContender {
public:
  static Try<MasterContender*> create(const Option<std::string>& zk, const Option<std::string>& module,
                                      const Option<Duration>& zkSessionTimeout);
};
}  // namespace contender
namespace detector {
class MasterDetector {
public:
  static Try<MasterDetector*> create(const Option<std::string>& zk, const Option<std::string>& module,
                                     const Option<Duration>& zkSessionTimeout);
};
class StandaloneMasterDetector : public MasterDetector {
public:
  void appoint(const Option<MasterInfo>& leader);
};
}  // namespace detector
}  // namespace master

namespace slave {
class ResourceEstimator {
public:
  static Try<ResourceEstimator*> create(const Option<std::string>&);
};
class QoSController {
public:
  static Try<QoSController*> create(const Option<std::string>&);
};
}  // namespace slave

namespace authentication {
namespace executor {
class JWTSecretGenerator {
public:
  explicit JWTSecretGenerator(const std::string& key);
  char storage[64];
};
}  // namespace executor
}  // namespace authentication

// ---- mesos, internal ------------------------------------------------------------------------------------------

namespace internal {
namespace logging {
class Flags {
public:
  Flags();
  char storage[1024];
};
void initialize(const std::string& argv0, bool installFailureSignalHandler, const Option<Flags>&);
}  // namespace logging

struct VersionProcess {
  VersionProcess();
  char storage[4096];
};
class HookManager {
public:
  static Try<Nothing> initialize(const std::string& hooks);
};
class Files {
public:
  Files(const Option<std::string>& realm, const Option<Authorizer*>&);
  char storage[64];
};
class PendingFutureTracker {
public:
  std::shared_ptr<void*> process;
};

namespace master {
class Flags {
public:
  Flags();
  alignas(16) char storage[8192];
};
class Registrar {
public:
  Registrar(const Flags&, state::State*, const Option<std::string>& realm);
  char storage[64];
};
class Master {  // 6688 bytes, MasterInfo at 0xe88
public:
  Master(allocator::Allocator*, Registrar*, Files*, mesos::master::contender::MasterContender*,
         mesos::master::detector::MasterDetector*, const Option<Authorizer*>&,
         const Option<std::shared_ptr<process::RateLimiter>>&, const Flags&);
  const MasterInfo& info() const { return *reinterpret_cast<const MasterInfo*>(storage + 0xe88); }
  alignas(16) char storage[16384];
};
}  // namespace master

namespace slave {
class CSIServer;
class Flags {
public:
  Flags();
  alignas(16) char storage[8192];
};
class Fetcher {
public:
  explicit Fetcher(const Flags&);
  char storage[128];
};
class GarbageCollector {
public:
  explicit GarbageCollector(const std::string& workDir);
  char storage[128];
};
class VolumeGidManager {
public:
  static Try<VolumeGidManager*> create(const Flags&);
};
class TaskStatusUpdateManager {
public:
  explicit TaskStatusUpdateManager(const Flags&);
  char storage[128];
};
class Containerizer {
public:
  static Try<Containerizer*> create(const Flags&, bool local, Fetcher*, GarbageCollector*, SecretResolver*,
                                    VolumeGidManager*, PendingFutureTracker*, CSIServer*);
};
class Slave {  // 9376 bytes
public:
  Slave(const std::string& id, const Flags&, mesos::master::detector::MasterDetector*, Containerizer*, Files*,
        GarbageCollector*, TaskStatusUpdateManager*, mesos::slave::ResourceEstimator*, mesos::slave::QoSController*,
        SecretGenerator*, VolumeGidManager*, PendingFutureTracker*, process::Owned<CSIServer>&&,
        const Option<process::network::internal::Socket<process::network::unix::Address>>&,
        const Option<Authorizer*>&);
  alignas(16) char storage[16384];
};
struct NamespacesPidIsolatorProcess {  // holds a copy of the agent's flags
  explicit NamespacesPidIsolatorProcess(const Flags&);
  char storage[16384];
};

class MesosContainerizerLaunch : public Subcommand {
public:
  struct Flags {
    Flags();
    alignas(8) char storage[1024];
  };
  MesosContainerizerLaunch() : Subcommand("launch") {}
  ~MesosContainerizerLaunch();
  int execute() override;
  flags::FlagsBase* getFlags() override;
  Flags flags;
};
class NetworkCniIsolatorSetup : public Subcommand {
public:
  struct Flags {
    Flags();
    alignas(8) char storage[1024];
  };
  NetworkCniIsolatorSetup();
  ~NetworkCniIsolatorSetup();
  int execute() override;
  flags::FlagsBase* getFlags() override;
  Flags flags;
};

class IOSwitchboardServer {
public:
  struct Flags {
    Flags();
    alignas(8) char storage[1024];
  };
  static Try<process::Owned<IOSwitchboardServer>> create(bool tty, int stdinToFd, int stdoutFromFd, int stdoutToFd,
                                                         int stderrFromFd, int stderrToFd,
                                                         const std::string& socketPath, bool waitForConnection,
                                                         Option<Duration> heartbeatInterval);
  process::Future<Nothing> run();
  void unblock();
};
}  // namespace slave
}  // namespace internal
}  // namespace mesos
