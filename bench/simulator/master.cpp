#include "master.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

using std::string;

namespace {

constexpr double kRefuse = 5;           // seconds that are meant where none are given
constexpr double kLongestRefuse = 31536000;
const char* const kJson = "application/json";
// The part of an agent's /flags that schedulers read.
const char* const kFlags =
    "{\"flags\":{\"isolation\":\"cgroups/cpu,cgroups/mem,disk/du,docker/runtime,filesystem/linux,linux/seccomp,"
    "namespaces/ipc,network/cni,volume/host_path,volume/sandbox_path,volume/secret\"}}";

string hex(uint64_t number) {
  char text[20];
  snprintf(text, sizeof text, "%012llx", static_cast<unsigned long long>(number));
  return text;
}

double cpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

}  // namespace

Master::Master(http::Server& server, const Settings& settings)
    : server_(server),
      settings_(settings),
      id_("50d1e5b0-0000-4000-8000-" + hex(static_cast<uint64_t>(wallClock() * 1000))),
      cluster_(settings.shape, id_, server.port()),
      tasks_(cluster_, measures_, [this](const string& event) { send(event); }, settings.startDelay,
             settings.repeatAfter) {
  allocateAt_ = monotonic() + settings_.allocationInterval;
}

void Master::handle(http::Connection& connection, const http::Request& request) {
  if (request.method == "POST" && request.path == "/api/v1/scheduler") {
    call(connection, request);
  } else if (request.method == "POST" && request.path == "/control") {
    const bool good = control(document_.parse(request.body));
    connection.answer(good ? 200 : 400, good ? "{}" : "", kJson);
  } else if (request.path == "/stats") {
    connection.answer(200, stats(), kJson);
  } else if (request.path == "/latencies") {
    connection.answer(200,
                      Object()
                          .addJson("accept", percentiles(measures_.accept))
                          .addJson("decline", percentiles(measures_.decline))
                          .addJson("acknowledge", percentiles(measures_.acknowledge))
                          .text(),
                      kJson);
  } else if (request.path == "/version") {
    connection.answer(200, "{\"version\":\"1.11.0\"}", kJson);
  } else if (request.path == "/slaves") {
    connection.answer(200, cluster_.list(), kJson);
  } else if (request.path.substr(0, 7) == "/slave(" && request.path.find("/flags") != string::npos) {
    connection.answer(200, kFlags, kJson);
  } else {
    connection.answer(404);
  }
}

void Master::closed(http::Connection& connection) {
  if (&connection != stream_) return;
  stream_ = nullptr;
  cluster_.rescindAll();
}

double Master::tick() {
  const double now = monotonic();
  if (now >= allocateAt_) {
    allocateAt_ = now + settings_.allocationInterval;
    allocate();
  }
  if (stream_ != nullptr && now >= heartbeatAt_) {
    heartbeatAt_ = now + settings_.heartbeatInterval;
    send("{\"type\":\"HEARTBEAT\"}");
  }
  const double next = std::min(allocateAt_, stream_ == nullptr ? allocateAt_ : heartbeatAt_) - now;
  return std::max(0.0, std::min(next, tasks_.tick()));
}

// ----------------------------------------------------------------------------------------------------------- calls

void Master::call(http::Connection& connection, const http::Request& request) {
  const json::Value call = document_.parse(request.body);
  const string type = call["type"].text();
  if (type.empty()) {
    problem("calls that are not JSON or have no type");
    return connection.answer(400, "Failed to parse body into Call");
  }
  ++measures_.calls[type];
  if (type == "SUBSCRIBE") return subscribe(connection, call);
  if (stream_ == nullptr) {
    problem("calls without a subscription");
    return connection.answer(403, "Framework is not subscribed");
  }
  if (request.streamId != streamId_) {
    problem("calls with another stream's id");
    return connection.answer(400, "The stream ID '" + string(request.streamId) +
                                      "' included in this request didn't match the stream ID currently associated");
  }
  if (!call["framework_id"]["value"].is(bidder_.frameworkId)) {
    problem("calls of another framework");
    return connection.answer(400, "Framework cannot be found");
  }
  const int status = perform(type, call);
  connection.answer(status, status == 202 ? "" : "This simulated master does not know or like this " + type);
}

int Master::perform(const string& type, const json::Value& call) {
  if (type == "ACKNOWLEDGE") {
    const json::Value ack = call["acknowledge"];
    const bool isExpected =
        tasks_.acknowledge(ack["agent_id"]["value"].text(), ack["task_id"]["value"].text(), ack["uuid"].text());
    // A slow scheduler that received a repeated status acknowledges it twice.
    if (!isExpected && ++measures_.updatesStale > measures_.updatesRepeated) problem("acknowledgements of nothing");
  } else if (type == "ACCEPT") {
    accept(call["accept"], call.raw().size());
  } else if (type == "DECLINE") {
    decline(call["decline"]);
  } else if (type == "REVIVE") {
    revive(call["revive"]["roles"]);
  } else if (type == "SUPPRESS") {
    for (const string& role : rolesOf(call["suppress"]["roles"])) suppressed_.insert(role);
    setRoles({}, {});
  } else if (type == "KILL") {
    const json::Value kill = call["kill"];
    const string task = kill["task_id"]["value"].text();
    if (tasks_.isKnown(task)) tasks_.kill(task);
    else tasks_.reconcile(task, kill["agent_id"]["value"].text());
  } else if (type == "RECONCILE") {
    const auto tasks = call["reconcile"]["tasks"].items();
    if (tasks.empty()) tasks_.reconcileAll();
    for (const json::Value& each : tasks)
      tasks_.reconcile(each["task_id"]["value"].text(), each["agent_id"]["value"].text());
  } else if (type == "UPDATE_FRAMEWORK") {
    const json::Value update = call["update_framework"];
    setRoles(update["framework_info"], update["suppressed_roles"]);
  } else {
    problem("calls that are not simulated: " + type);
    return 400;
  }
  return 202;
}

void Master::subscribe(http::Connection& connection, const json::Value& call) {
  const json::Value info = call["subscribe"]["framework_info"];
  const string id = info["id"]["value"].text();
  const string streamId = "5712ea00-0000-4000-8000-" + hex(++streams_);
  connection.beginStream(streamId);
  if (!info || id != call["framework_id"]["value"].text() || (!id.empty() && id != bidder_.frameworkId) ||
      (id.empty() && !bidder_.frameworkId.empty())) {
    problem("subscriptions that are refused");
    connection.record(
        "{\"type\":\"ERROR\",\"error\":{\"message\":\"This simulated master has room for one framework, by its id\"}}");
    return connection.endStream();
  }
  if (stream_ != nullptr) {
    send("{\"type\":\"ERROR\",\"error\":{\"message\":\"Framework failed over\"}}");
    stream_->endStream();
    cluster_.rescindAll();
  }
  if (id.empty()) bidder_.frameworkId = id_ + "-0000";
  stream_ = &connection;
  streamId_ = streamId;
  measures_.subscribedAt = monotonic();
  bidder_.isRefined = tasks_.saysKilling = false;
  for (const json::Value& capability : info["capabilities"].items()) {
    bidder_.isRefined |= capability["type"].is("RESERVATION_REFINEMENT");
    tasks_.saysKilling |= capability["type"].is("TASK_KILLING_STATE");
  }
  setRoles(info, call["subscribe"]["suppressed_roles"]);
  const string port = std::to_string(server_.port());
  send("{\"type\":\"SUBSCRIBED\",\"subscribed\":{\"framework_id\":{\"value\":\"" + bidder_.frameworkId +
       "\"},\"heartbeat_interval_seconds\":" + std::to_string(settings_.heartbeatInterval) +
       ",\"master_info\":{\"id\":\"" + id_ + "\",\"ip\":16777343,\"port\":" + port +
       ",\"hostname\":\"127.0.0.1\",\"version\":\"1.11.0\",\"address\":{\"ip\":\"127.0.0.1\",\"port\":" + port + "}}}}");
  heartbeatAt_ = 0;
  tick();
  allocate();
}

// ---------------------------------------------------------------------------------------------------------- offers

void Master::allocate() {
  if (stream_ == nullptr) return;
  string event;
  const size_t offers = cluster_.allocate(bidder_, event);
  if (offers == 0) return;
  ++measures_.offerEvents;
  measures_.offersSent += offers;
  if (measures_.firstOfferAt == 0) measures_.firstOfferAt = monotonic();
  send(event);
}

void Master::accept(const json::Value& accept, size_t size) {
  const double now = monotonic();
  const auto ids = accept["offer_ids"].items();
  Offer offer;
  const bool isValid = ids.size() == 1 && cluster_.claim(ids[0]["value"].text(), offer);
  if (!isValid) problem("acceptances of other than one valid offer");
  Resources rest = offer.resources;
  const uint64_t before = measures_.launchGroups;
  for (const json::Value& operation : accept["operations"].items()) {
    const json::Value group = operation["launch_group"];
    if (!operation["type"].is("LAUNCH_GROUP") || !group) problem("operations that are not simulated");
    else if (!isValid) reject(group, "TASK_DROPPED", "REASON_INVALID_OFFERS", "Offer is no longer valid");
    else launch(group, offer, rest);
  }
  if (!isValid) return;
  measures_.accept.push_back(static_cast<float>(now - offer.sentAt));
  ++measures_.offersAccepted;
  if (measures_.launchGroups > before) {
    if (measures_.firstAcceptAt == 0) measures_.firstAcceptAt = now;
    measures_.lastAcceptAt = now;
    measures_.launchBytes += size;
  }
  giveBack(offer, rest, accept["filters"]);
}

void Master::launch(const json::Value& group, const Offer& offer, Resources& rest) {
  const json::Value executor = group["executor"];
  const string executorId = executor["executor_id"]["value"].text();
  Resources overhead;
  string wrong = overhead.add(executor["resources"], offer.role);
  if (executorId.empty()) wrong = "an executor without an id";
  if (!executor["framework_id"]["value"].is(bidder_.frameworkId)) wrong = "an executor of another framework";
  Resources all = overhead;
  std::vector<NewTask> tasks;
  for (const json::Value& each : group["task_group"]["tasks"].items()) {
    NewTask task{each["task_id"]["value"].text(), {}};
    const string bad = task.resources.add(each["resources"], offer.role);
    if (!bad.empty()) wrong = bad;
    if (!each["agent_id"]["value"].is(cluster_.agentId(offer.agent))) wrong = "a task for another agent than the offer's";
    if (each["name"].text().empty() || task.id.empty()) wrong = "a task without a name or an id";
    if (tasks_.isKnown(task.id)) wrong = "a task with a duplicate id";
    all.add(task.resources);
    tasks.push_back(std::move(task));
  }
  if (tasks.empty()) wrong = "a group without tasks";
  if (!rest.contains(all)) wrong = "a group that uses more than was offered";
  if (!wrong.empty()) {
    problem("launches of " + wrong);
    return reject(group, "TASK_ERROR", "REASON_TASK_GROUP_INVALID", "Launch of " + wrong);
  }
  rest.subtract(all);
  ++measures_.launchGroups;
  tasks_.launch(offer.agent, executorId, overhead, tasks);
}

void Master::reject(const json::Value& group, const char* state, const char* reason, const string& message) {
  for (const json::Value& task : group["task_group"]["tasks"].items())
    tasks_.deny(task["task_id"]["value"].text(), task["agent_id"]["value"].text(), state, reason, message);
}

void Master::decline(const json::Value& decline) {
  const double now = monotonic();
  for (const json::Value& id : decline["offer_ids"].items()) {
    Offer offer;
    if (!cluster_.claim(id["value"].text(), offer)) {
      problem("refusals of offers that are not valid");
      continue;
    }
    ++measures_.offersDeclined;
    measures_.decline.push_back(static_cast<float>(now - offer.sentAt));
    giveBack(offer, offer.resources, decline["filters"]);
  }
}

// Unused resources can be offered again, but not to the same role for the time it asked for.
void Master::giveBack(const Offer& offer, const Resources& rest, const json::Value& filters) {
  cluster_.recover(offer.agent, rest);
  double seconds = filters["refuse_seconds"].number(kRefuse);
  if (seconds < 0 || seconds > kLongestRefuse) seconds = seconds < 0 ? kRefuse : kLongestRefuse;
  if (seconds > 0)
    cluster_.refuse(offer.agent, offer.role, rest, monotonic() + std::max(seconds, settings_.allocationInterval));
}

void Master::revive(const json::Value& roles) {
  const std::set<string> revived = rolesOf(roles);
  if (revived.empty()) return;
  for (const string& role : revived) suppressed_.erase(role);
  cluster_.forgetRefusals(revived);
  setRoles({}, {});
  allocate();
}

// The named roles, or all; a role that is not the framework's makes the master drop the call.
std::set<string> Master::rolesOf(const json::Value& roles) const {
  std::set<string> named;
  for (const json::Value& role : roles.items()) {
    named.insert(role.text());
    if (roles_.count(role.text()) == 0) return {};
  }
  return named.empty() ? roles_ : named;
}

// Read the framework's roles and its suppressed roles from a call, if it has them.
void Master::setRoles(const json::Value& info, const json::Value& suppressed) {
  if (info) {
    roles_.clear();
    suppressed_.clear();
    for (const json::Value& role : info["roles"].items()) roles_.insert(role.text());
    if (roles_.empty()) roles_.insert(info["role"] ? info["role"].text() : "*");
    for (const json::Value& role : suppressed.items()) suppressed_.insert(role.text());
  }
  bidder_.roles.clear();
  std::set_difference(roles_.begin(), roles_.end(), suppressed_.begin(), suppressed_.end(),
                      std::back_inserter(bidder_.roles));
}

// --------------------------------------------------------------------------------------------------------- helpers

void Master::send(const string& event) {
  if (stream_ == nullptr) return;
  stream_->record(event);
  server_.touch(*stream_);
}

void Master::problem(const string& kind) { ++measures_.problems[kind]; }

// A benchmark's requests for events.
bool Master::control(const json::Value& order) {
  if (const json::Value count = order["flap"]) {
    tasks_.flap(static_cast<uint64_t>(count.number(0)), static_cast<uint64_t>(order["window"].number(1000)));
  } else if (const json::Value groups = order["end"]) {
    tasks_.end(static_cast<uint64_t>(groups.number(0)), order["state"].is("TASK_FAILED") ? State::Failed : State::Finished);
  } else if (order["reset"]) {
    measures_.reset();
  } else {
    return false;
  }
  return true;
}

string Master::stats() const {
  const Measures& seen = measures_;
  return Object()
      .add("now", monotonic())
      .add("cpu_seconds", cpuSeconds())
      .addText("framework_id", bidder_.frameworkId)
      .add("subscriptions", streams_)
      .add("subscribed_at", stream_ == nullptr ? 0.0 : seen.subscribedAt)
      .add("roles_asking", static_cast<uint64_t>(stream_ == nullptr ? 0 : bidder_.roles.size()))
      .add("agents", static_cast<uint64_t>(cluster_.size()))
      .add("launch_groups", seen.launchGroups)
      .add("launch_bytes", seen.launchBytes)
      .add("first_offer_at", seen.firstOfferAt)
      .add("first_accept_at", seen.firstAcceptAt)
      .add("last_accept_at", seen.lastAcceptAt)
      .add("last_acknowledged_at", seen.lastAcknowledgedAt)
      .addJson("tasks", tasks_.statesJson())
      .addJson("offers", Object()
                             .add("events", seen.offerEvents)
                             .add("sent", seen.offersSent)
                             .add("accepted", seen.offersAccepted)
                             .add("declined", seen.offersDeclined)
                             .add("out", static_cast<uint64_t>(cluster_.offersOut()))
                             .text())
      .addJson("updates", Object()
                              .add("sent", seen.updatesSent)
                              .add("repeated", seen.updatesRepeated)
                              .add("stale", seen.updatesStale)
                              .add("acknowledged", seen.updatesAcknowledged)
                              .add("outstanding", seen.updatesOutstanding)
                              .text())
      .addJson("flap", tasks_.flapJson())
      .addJson("calls", counts(seen.calls))
      .addJson("problems", counts(seen.problems))
      .add("bytes_in", server_.bytesIn)
      .add("bytes_out", server_.bytesOut)
      .text();
}
