// mesos-master: upstream's src/master/main.cpp over the library.
#include "program.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/stat.h>

using std::string;
using namespace mesos;
using namespace mesos::internal;

namespace {

const Option<string> READONLY_REALM(string("mesos-master-readonly"));

// MesosAllocator<HierarchicalAllocatorProcess<DRFSorter, DRFSorter>>: Allocator::create is not in the library.
void constructHierarchicalAllocator(void* memory) asm(
    "_ZN5mesos8internal6master9allocator14MesosAllocatorINS2_28HierarchicalAllocatorProcessINS2_9DRFSorterES5_EEEC1Ev");

// zookeeper::URL::parse: zk://[user:password@]host:port[,host:port...][/path]
struct ZooKeeperUrl {
  explicit ZooKeeperUrl(const string& url) {
    const string scheme = "zk://";
    if (url.compare(0, scheme.size(), scheme) != 0)
      fail("Error parsing ZooKeeper URL: Expecting 'zk://' at the beginning of the URL");
    const string rest = url.substr(scheme.size());
    const size_t slash = rest.find('/');
    if (slash != string::npos) path = rest.substr(slash);
    if (path == "/") path.clear();
    servers = rest.substr(0, slash);
    const size_t at = servers.find_last_of('@');
    if (at != string::npos) {
      authentication = zookeeper::Authentication("digest", servers.substr(0, at));
      servers = servers.substr(at + 1);
    }
  }
  Option<zookeeper::Authentication> authentication;
  string servers, path;
};

void makeDirectories(const string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    if (mkdir(path.substr(0, end).c_str(), 0777) != 0 && errno != EEXIST)
      fail("Failed to create work directory '" + path + "': " + strerror(errno));
    if (end == string::npos) return;
  }
}

Duration parseDuration(const string& text, const string& complaint) {
  static const std::map<string, double> UNITS = {{"ns", 1},       {"us", 1e3},       {"ms", 1e6},      {"secs", 1e9},
                                                 {"mins", 60e9},  {"hrs", 3600e9},   {"days", 86400e9}, {"weeks", 604800e9}};
  double value;
  char unit[16] = "";
  if (sscanf(text.c_str(), "%lf%15s", &value, unit) != 2 || UNITS.count(unit) == 0) fail(complaint);
  return Duration{static_cast<int64_t>(value * UNITS.at(unit))};
}

Option<std::shared_ptr<process::RateLimiter>> removalLimiter(const Option<string>& rate) {
  if (rate.isNone()) return {};
  const string complaint =
      "Invalid agent_removal_rate_limit: " + rate.get() + ". Format is <Number of agents>/<Duration>";
  const size_t slash = rate.get().find('/');
  if (slash == string::npos) fail(complaint);
  const Duration period = parseDuration(rate.get().substr(slash + 1), complaint);
  return std::make_shared<process::RateLimiter>(atoi(rate.get().c_str()), period);
}

allocator::Allocator* createAllocator(Program& program) {
  const string& name = program.get<string>("allocator");
  if (name != "hierarchical" && name != "HierarchicalDRF")
    fail("Failed to create allocator '" + name + "': no such allocator in this build");
  if (program.get<string>("role_sorter") != "drf" || program.get<string>("framework_sorter") != "drf")
    fail("Failed to create allocator '" + name + "': this build has the 'drf' sorters only");
  void* memory = calloc(1, 64);
  constructHierarchicalAllocator(memory);
  LOG(INFO) << "Using '" << name << "' allocator";
  return static_cast<allocator::Allocator*>(memory);
}

log::Log* openReplicatedLog(Program& program, const Option<string>& zk) {
  if (program.text("work_dir").isNone()) fail("--work_dir needed for replicated log based registry");
  const string workDir = program.text("work_dir").get(), path = workDir + "/replicated_log";
  makeDirectories(workDir);
  const Option<string> metricsPrefix(string("registrar/"));
  const bool autoInitialize = program.get<bool>("log_auto_initialize");
  if (zk.isNone()) return new log::Log(1, path, std::set<process::UPID>(), autoInitialize, metricsPrefix);

  const Option<int>& quorum = program.get<Option<int>>("quorum");
  if (quorum.isNone()) fail("Need to specify --quorum for replicated log based registry when using ZooKeeper");
  const ZooKeeperUrl url(zk.get());
  return new log::Log(quorum.get(), path, url.servers, program.get<Duration>("zk_session_timeout"),
                      url.path + "/log_replicas", url.authentication, autoInitialize, metricsPrefix);
}

state::Storage* openRegistry(Program& program, const Option<string>& zk) {
  const string& registry = program.get<string>("registry");
  if (registry == "in_memory") return new state::InMemoryStorage();
  if (registry == "replicated_log" || registry == "log_storage")
    return new state::LogStorage(openReplicatedLog(program, zk), 0);  // no diffs: they would need Subversion's library
  fail("'" + registry + "' is not a supported option for registry persistence");
}

}  // namespace

int masterMain(int argc, char** argv) {
  auto* flags = new internal::master::Flags();
  Program program(flags, "master");
  program.load(argc, argv);
  program.exportAddress();

  Option<string> zk;
  if (const auto* given = program.optional<flags::SecurePathOrValue>("zk")) zk = given->value;
  const Option<string>&contenderModule = program.text("master_contender"), &detectorModule = program.text("master_detector");
  if (zk.isNone() && contenderModule.isSome() != detectorModule.isSome())
    fail("Both --master_contender and --master_detector should be specified or omitted.");
  if (zk.isSome() && (contenderModule.isSome() || detectorModule.isSome()))
    fail("Only one of --zk or the --master_contender/--master_detector pair should be specified.");

  program.start("master");
  auto* allocator = createAllocator(program);
  auto* registrar = new internal::master::Registrar(*flags, new state::State(openRegistry(program, zk)), READONLY_REALM);
  const Option<Duration> zkTimeout(program.get<Duration>("zk_session_timeout"));
  auto* contender = require(mesos::master::contender::MasterContender::create(zk, contenderModule, zkTimeout),
                            "Failed to create a master contender");
  auto* detector = require(mesos::master::detector::MasterDetector::create(zk, detectorModule, zkTimeout),
                           "Failed to create a master detector");
  const Option<Authorizer*> authorizer = program.createAuthorizer(program.get<string>("authorizers"));
  auto* master = new internal::master::Master(allocator, registrar, new Files(READONLY_REALM, authorizer), contender,
                                              detector, authorizer,
                                              removalLimiter(program.text("agent_removal_rate_limit")), *flags);

  // A single master appoints itself. It needs its own MasterInfo: one made from the UPID would differ, and the master
  // would not consider itself elected.
  if (zk.isNone() && detectorModule.isNone())
    static_cast<mesos::master::detector::StandaloneMasterDetector*>(detector)->appoint(Option<MasterInfo>(master->info()));

  process::wait(process::spawn(processBase(master), false), FOREVER);
  return EXIT_SUCCESS;
}
