// Listening, accepting within bounds, and stopping in an orderly way.
#include "api/http/server.h"

#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/http/connection.h"

namespace widenet::api {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int64_t kRefusalsMax = 64;  // connections that are being told 503, at once

asio::ip::tcp::endpoint endpoint_of(const ServerOptions& options) {
  error_code error;
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  const auto address = asio::ip::make_address(host, error);
  if (error) {
    throw ServerError("cannot listen on \"" + options.host + "\": it is not an IP address");
  }
  return {address, options.port};
}

}  // namespace

class Server::Impl {
 public:
  Impl(const Router& router, Guard guard, const ServerOptions& options)
      : state_{router, std::move(guard), options,
               asio::thread_pool(static_cast<size_t>(options.n_handler_threads))} {
    listen();
  }

  uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void run() {
    if (state_.options.stops_on_signals) {
      signals_.add(SIGINT);
      signals_.add(SIGTERM);
      signals_.async_wait([this](error_code error, int) {
        if (!error) stop_now();
      });
    }
    asio::co_spawn(network_, accept(), asio::detached);
    network_.run();
    state_.handlers.join();
  }

  void stop() {
    asio::post(network_, [this] { stop_now(); });
  }

 private:
  void listen();
  asio::awaitable<void> accept();
  void serve(Socket socket);
  void refuse(Socket socket);
  void stop_now();
  void end_if_empty();

  ServerState state_;
  asio::io_context network_{1};  // destroyed before state_: coroutines refer to it
  asio::ip::tcp::acceptor acceptor_{network_};
  asio::signal_set signals_{network_};
  asio::steady_timer grace_{network_};
  int64_t n_connections_ = 0;
  int64_t n_refusals_ = 0;
};

void Server::Impl::listen() {
  const auto endpoint = endpoint_of(state_.options);
  if (!endpoint.address().is_loopback() && !state_.guard.has_key()) {
    throw ServerError("refusing to listen on " + state_.options.host +
                      " without an API key: anyone who can reach it could read the documents "
                      "(give --api-key-file or WIDENET_API_KEY)");
  }
  try {
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
  } catch (const boost::system::system_error& error) {
    throw ServerError("cannot listen on " + state_.options.host + " port " +
                      std::to_string(state_.options.port) + ": " + error.code().message() +
                      " (choose another with --port)");
  }
}

asio::awaitable<void> Server::Impl::accept() {
  while (!state_.is_stopping) {
    error_code error;
    Socket socket =
        co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (state_.is_stopping) break;
    if (error) {  // out of descriptors, most likely: let some be closed
      asio::steady_timer pause(network_, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    } else if (n_connections_ < state_.options.n_connections_max) {
      serve(std::move(socket));
    } else if (n_refusals_ < kRefusalsMax) {
      refuse(std::move(socket));
    }
  }
}

void Server::Impl::serve(Socket socket) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  ++n_connections_;
  asio::co_spawn(network_, serve_connection(std::move(socket), state_), [this](std::exception_ptr) {
    --n_connections_;
    end_if_empty();
  });
}

void Server::Impl::refuse(Socket socket) {
  ++n_refusals_;
  asio::co_spawn(network_, refuse_connection(std::move(socket), state_),
                 [this](std::exception_ptr) { --n_refusals_; });
}

void Server::Impl::stop_now() {
  if (state_.is_stopping.exchange(true)) return;
  error_code ignored;
  acceptor_.close(ignored);
  signals_.cancel(ignored);
  for (Socket* socket : state_.incoming) socket->cancel(ignored);
  grace_.expires_after(state_.options.stop_grace);
  grace_.async_wait([this](error_code error) {
    if (!error) state_.is_cancelling = true;
  });
  end_if_empty();
}

void Server::Impl::end_if_empty() {
  if (state_.is_stopping && n_connections_ == 0) grace_.cancel();
}

Server::Server(const Router& router, Guard guard, const ServerOptions& options)
    : impl_(std::make_unique<Impl>(router, std::move(guard), options)) {}
Server::~Server() = default;

uint16_t Server::port() const {
  return impl_->port();
}
void Server::run() {
  impl_->run();
}
void Server::stop() {
  impl_->stop();
}

}  // namespace widenet::api
