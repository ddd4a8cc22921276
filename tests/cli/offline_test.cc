// Nobody is ever called: a server and the verbs work in a network that has nothing but loopback,
// and the kernel's own counters say that they opened no connection and sent no datagram there.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "tests/api/raw_client.h"
#include "tests/cli/program.h"
#include "tests/cli/server_process.h"
#include "tests/support/tiny_model.h"

namespace widenet::testing {
namespace {

using Json = nlohmann::json;

constexpr int kNotPermitted = 77;

bool bring_loopback_up() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags |= IFF_UP;
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

// Runs it in a process of its own whose network is a loopback device alone.  False: this machine
// does not permit that.
bool run_without_network(const std::function<void()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      ::_exit(kNotPermitted);
    }
    if (!bring_loopback_up()) ::_exit(kNotPermitted);
    try {
      action();
    } catch (const std::exception& error) {  // must not get into the parent's next tests
      ADD_FAILURE() << error.what();
    }
    std::fflush(stdout);  // what gtest has said
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotPermitted) return false;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "see above";
  return true;
}

// Of this network: what has been tried, whether or not it came anywhere.
struct Traffic {
  int64_t connections = 0;  // begun
  int64_t datagrams = 0;    // sent
  int64_t no_routes = 0;    // what would have left the machine
};

Traffic traffic() {
  std::map<std::string, int64_t> counters;
  std::istringstream snmp(read_file("/proc/self/net/snmp"));
  for (std::string names, values; std::getline(snmp, names) && std::getline(snmp, values);) {
    std::istringstream name(names), value(values);
    std::string protocol, column, number;
    name >> protocol;
    value >> number;
    while (name >> column && value >> number) counters[protocol + column] = std::stoll(number);
  }
  std::istringstream snmp6(read_file("/proc/self/net/snmp6"));
  for (std::string name, number; snmp6 >> name >> number;) counters[name] = std::stoll(number);
  return {.connections = counters.at("Tcp:ActiveOpens"),
          .datagrams = counters.at("Udp:OutDatagrams") + counters.at("Udp6OutDatagrams"),
          .no_routes = counters.at("Ip:OutNoRoutes") + counters.at("Ip6OutNoRoutes")};
}

// That the counters see what they should.
void expect_that_calls_are_counted() {
  const Traffic before = traffic();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  ::inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const FileDescriptor socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    EXPECT_NE(::connect(socket.get(), to, sizeof address), 0);
  }
  EXPECT_EQ(traffic().no_routes, before.no_routes + 2);

  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);  // as to a resolver on this machine
  EXPECT_EQ(::sendto(socket.get(), "?", 1, 0, to, sizeof address), 1);
  EXPECT_EQ(traffic().datagrams, before.datagrams + 1);
}

class Client {
 public:
  explicit Client(uint16_t port) : port_(port) {}

  Json call(const std::string& request) {
    ++n_connections_;
    auto client = api::RawClient::try_connect(port_, /*seconds_max=*/120);
    EXPECT_TRUE(client && client->send(request));
    if (!client) return {};
    const std::string reply = client->read_reply();
    EXPECT_EQ(api::status_of(reply), 200) << reply;
    return Json::parse(reply.substr(std::min(reply.size(), reply.find("\r\n\r\n"))), nullptr,
                       /*allow_exceptions=*/false);
  }

  Json get(const std::string& target) {
    return call("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  }

  Json post(const std::string& target, const std::string& type, const std::string& body) {
    return call("POST " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + type +
                "\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\nConnection: close\r\n\r\n" + body);
  }
  Json post(const std::string& target, const Json& body) {
    return post(target, "application/json", body.dump());
  }

  int64_t n_connections() const { return n_connections_; }

 private:
  const uint16_t port_;
  int64_t n_connections_ = 0;
};

std::string form_with_file(const std::string& name, const std::string& bytes) {
  return "--mark\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n"
         "--mark\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" +
         name + "\"\r\n\r\n" + bytes + "\r\n--mark--\r\n";
}

// Returns how many connections the client opened.
int64_t serve_upload_and_ask(const std::filesystem::path& directory) {
  ServerProcess server(directory, {"--model", "model"});
  const uint16_t port = server.wait_for_port(ServerProcess::Clock::now() + std::chrono::minutes(2));
  EXPECT_NE(port, 0) << read_file(directory / "serve.err");
  if (port == 0) return 0;
  Client client(port);
  const Json file = client.post("/v1/files", "multipart/form-data; boundary=mark",
                                form_with_file("note.html", "<p>The shed has a red door.</p>"));
  const Json made =
      client.post("/v1/vector_stores", {{"name", "notes"}, {"file_ids", {file.value("id", "")}}});
  const std::string store = "/v1/vector_stores/" + made.value("id", "");
  Json state = Json::object();
  for (int i = 0; i < 600 && state.value("status", "") != "completed"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    state = client.get(store);
  }
  EXPECT_EQ(state.value("status", ""), "completed") << state.dump();
  const Json answer = client.post(
      "/v1/ask",
      {{"question", "Which door has the shed?"}, {"collection", "notes"}, {"max_tokens", 4}});
  EXPECT_TRUE(answer.contains("answer")) << answer.dump();
  EXPECT_EQ(server.end(SIGTERM), 0) << read_file(directory / "serve.err");
  return client.n_connections();
}

void work_offline() {
  const ScratchDirectory directory;
  test::make_tiny_model(directory.path() / "model");
  const std::filesystem::path documents = WN_SOURCE_DIR "/examples/company/documents";
  std::filesystem::create_directories(directory.path() / "papers");
  // A format of each parser that is a program of its own, and names of elsewhere to be fetched.
  for (const char* name : {"contracts/TP-SC-0440-skarholm-fisk.pdf",
                           "letters/2025-04-24-harbour-commissioners-rent.docx"}) {
    std::filesystem::copy(documents / name, directory.path() / "papers");
  }
  directory.write("papers/page.html",
                  "<html><head><link rel=stylesheet href=\"http://192.0.2.1/a.css\">"
                  "<script src=\"http://example.com/a.js\"></script></head>"
                  "<body><img src=\"http://192.0.2.1/a.png\">The rent is 4,200 euros.</body>");
  directory.write("papers/page.xml",
                  "<?xml version=\"1.0\"?><!DOCTYPE a SYSTEM \"http://192.0.2.1/a.dtd\" "
                  "[<!ENTITY e SYSTEM \"http://192.0.2.1/e\">]><a>The door is red.</a>");
  const auto widenet = [&](const std::vector<std::string>& arguments) {
    return run_program("widenet", arguments, directory.path());
  };
  const Outcome ingested =
      widenet({"ingest", "papers", "--collection", "office", "--model", "model"});
  EXPECT_NE(ingested.out.find("documents ready"), std::string::npos) << ingested.err;
  const Outcome asked = widenet({"ask", "What is the rent?", "--collection", "office", "--model",
                                 "model", "--mode", "rag", "--max-tokens", "4"});
  EXPECT_EQ(asked.exit_code, 0) << asked.err;
  const int64_t n_connections = serve_upload_and_ask(directory.path());

  const Traffic seen = traffic();
  EXPECT_EQ(seen.connections, n_connections) << "others than the test's own were opened";
  EXPECT_EQ(seen.datagrams, 0);
  EXPECT_EQ(seen.no_routes, 0);
  expect_that_calls_are_counted();
}

TEST(OfflineTest, NobodyIsEverCalled) {
  if (!run_without_network(work_offline)) {
    GTEST_SKIP() << "this machine permits no network namespaces (run as root, or allow users some)";
  }
}

}  // namespace
}  // namespace widenet::testing
