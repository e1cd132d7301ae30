// mesos-agent: upstream's src/slave/main.cpp over the library.
#include "program.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

using std::string;
using namespace mesos;
using namespace mesos::internal;

namespace {

void refuseUnsupportedFlags(Program& program) {
  if (program.get<bool>("http_executor_domain_sockets"))
    fail("--http_executor_domain_sockets is not supported by this build");
  for (const char* name : {"agent_subsystems", "csi_plugin_config_dir"})
    if (program.text(name).isSome()) fail(string("--") + name + " is not supported by this build");
}

SecretGenerator* createSecretGenerator(Program& program) {
  const auto* path = program.optional<flags::Path>("jwt_secret_key");
  if (path == nullptr) return nullptr;
  std::ifstream file(path->value, std::ios::binary);
  if (!file) fail("Failed to read the file '" + path->value + "' specified by --jwt_secret_key");
  const string key((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return reinterpret_cast<SecretGenerator*>(new authentication::executor::JWTSecretGenerator(key));
}

// The tracker's own process is inline in Mesos and therefore not in the library. Only GET /containerizer/debug uses it.
// With a process that is never spawned that request stays unanswered; without one it would crash the agent.
PendingFutureTracker* createFutureTracker(const internal::slave::Flags& flags) {
  auto* tracker = new PendingFutureTracker();
  tracker->process = std::make_shared<void*>(new internal::slave::NamespacesPidIsolatorProcess(flags));
  return tracker;
}

}  // namespace

int agentMain(int argc, char** argv) {
  auto* flags = new internal::slave::Flags();
  Program program(flags, "agent");
  program.load(argc, argv);

  Option<string> master;
  if (const auto* given = program.optional<flags::SecurePathOrValue>("master")) master = given->value;
  const Option<string>& detectorModule = program.text("master_detector");
  if (master.isNone() && detectorModule.isNone()) fail("Missing required option `--master` or `--master_detector`");
  if (master.isSome() && detectorModule.isSome())
    fail("Only one of `--master` or `--master_detector` should be specified");
  program.exportAddress();
  if (program.text("ip6").isSome()) setenv("LIBPROCESS_IP6", program.text("ip6").get().c_str(), 1);
  refuseUnsupportedFlags(program);

  const string id = process::ID::generate("slave");
  program.start(id);

  auto* fetcher = new internal::slave::Fetcher(*flags);
  auto* gc = new internal::slave::GarbageCollector(program.get<string>("work_dir"));
  auto* secretResolver =
      require(SecretResolver::create(program.text("secret_resolver")), "Failed to initialize secret resolver");
  internal::slave::VolumeGidManager* gidManager = nullptr;
  if (program.text("volume_gid_range").isSome())
    gidManager = require(internal::slave::VolumeGidManager::create(*flags), "Failed to initialize volume gid manager");
  SecretGenerator* secretGenerator = createSecretGenerator(program);
  auto* containerizer = require(internal::slave::Containerizer::create(*flags, false, fetcher, gc, secretResolver,
                                                                       gidManager, nullptr, nullptr),
                                "Failed to create a containerizer");
  const Option<Duration> zkTimeout(program.get<Duration>("zk_session_timeout"));
  auto* detector = require(mesos::master::detector::MasterDetector::create(master, detectorModule, zkTimeout),
                           "Failed to create a master detector");
  const Option<Authorizer*> authorizer = program.createAuthorizer(program.get<string>("authorizer"));
  auto* files = new Files(Option<string>(string("mesos-agent-readonly")), authorizer);
  auto* statusUpdates = new internal::slave::TaskStatusUpdateManager(*flags);
  auto* estimator = require(mesos::slave::ResourceEstimator::create(program.text("resource_estimator")),
                            "Failed to create resource estimator");
  auto* qosController = require(mesos::slave::QoSController::create(program.text("qos_controller")),
                                "Failed to create QoS Controller");
  auto* slave = new internal::slave::Slave(
      id, *flags, detector, containerizer, files, gc, statusUpdates, estimator, qosController, secretGenerator,
      gidManager, createFutureTracker(*flags), process::Owned<internal::slave::CSIServer>(),
      Option<process::network::internal::Socket<process::network::unix::Address>>(), authorizer);

  process::wait(process::spawn(processBase(slave), false), FOREVER);
  return EXIT_SUCCESS;
}
