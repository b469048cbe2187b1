// c10d's process group over Gloo, as C functions for src/raw.rs. Each returns null, or a message that `illia_message_free` frees.

#include <torch/headeronly/version.h>
#if TORCH_VERSION_MAJOR != 2 || TORCH_VERSION_MINOR != 13 || TORCH_VERSION_PATCH != 0
#error "illia-distributed was checked with libtorch 2.13.0 alone: c10d promises no stable interface"
#endif

#include <cstring>
#include <sstream>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace {

struct Group {
  // The process of rank 0 serves the others as long as this lives.
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

// Runs `f`; no exception crosses into Rust.
template <class F>
char* caught(F f) {
  try {
    f();
    return nullptr;
  } catch (const c10::Error& e) {
    return strdup(e.what_without_backtrace());
  } catch (const std::exception& e) {
    return strdup(e.what());
  } catch (...) {
    return strdup("an unknown exception");
  }
}

void finish(const c10::intrusive_ptr<c10d::Work>& work) { work->wait(); }

}  // namespace

extern "C" {

void illia_message_free(char* message) { free(message); }

// `interfaces`: names with commas between, or "" for the one that `host` resolves to.
char* illia_group_new(void** out, const char* address, uint16_t port, bool serves, const char* prefix, int rank, int size,
                      const char* interfaces, const char* host, int64_t milliseconds) {
  return caught([&] {
    std::chrono::milliseconds timeout(milliseconds);
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    // Whoever is missing is named by rank below, where c10d would only count.
    options.waitWorkers = false;
    options.timeout = timeout;
    c10::intrusive_ptr<c10d::Store> tcp = c10::make_intrusive<c10d::TCPStore>(address, options);
    tcp->setTimeout(timeout);
    auto store = c10::make_intrusive<c10d::PrefixStore>(prefix, tcp);
    // Everyone says who it is before Gloo connects: a wrong world size is told apart from a process that never came.
    auto key = "rank " + std::to_string(rank);
    if (store->add(key, 1) != 1) {
      throw std::runtime_error("another process has this rank already");
    }
    store->set(key + " of", std::to_string(size));
    for (int other = 0; other < size; ++other) {
      auto theirs = "rank " + std::to_string(other) + " of";
      try {
        store->wait({theirs}, timeout);
      } catch (const std::exception&) {
        std::ostringstream said;
        said << "rank " << other << " did not come within " << static_cast<double>(milliseconds) / 1000.0 << " s";
        throw std::runtime_error(said.str());
      }
      auto value = store->get(theirs);
      std::string said(value.begin(), value.end());
      if (said != std::to_string(size)) {
        throw std::runtime_error("rank " + std::to_string(other) + " says that there are " + said + " processes, and this one " +
                                 std::to_string(size));
      }
    }
    auto gloo = c10d::ProcessGroupGloo::Options::create(timeout);
    std::istringstream names(interfaces);
    for (std::string name; std::getline(names, name, ',');) {
      gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(name));
    }
    if (gloo->devices.empty()) {
      gloo->devices.push_back(*host ? c10d::ProcessGroupGloo::createDeviceForHostname(host)
                                    : c10d::ProcessGroupGloo::createDefaultDevice());
    }
    gloo->threads = 2 * static_cast<int>(gloo->devices.size());
    auto backend = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, gloo);
    *out = new Group{store, std::move(backend)};
  });
}

void illia_group_free(void* group) { delete static_cast<Group*>(group); }

char* illia_all_reduce(void* group, at::Tensor* tensor, uint8_t op) {
  return caught([&] {
    std::vector<at::Tensor> tensors{*tensor};
    c10d::AllreduceOptions options;
    options.reduceOp = static_cast<c10d::ReduceOp::RedOpType>(op);
    finish(static_cast<Group*>(group)->gloo->allreduce(tensors, options));
  });
}

char* illia_broadcast(void* group, at::Tensor* tensor, int root) {
  return caught([&] {
    std::vector<at::Tensor> tensors{*tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    finish(static_cast<Group*>(group)->gloo->broadcast(tensors, options));
  });
}

// `out`: as many as there are processes.
char* illia_all_gather(void* group, at::Tensor* tensor, at::Tensor** out, size_t size) {
  return caught([&] {
    std::vector<at::Tensor> tensors{*tensor};
    std::vector<std::vector<at::Tensor>> all(1);
    for (size_t i = 0; i < size; ++i) all[0].push_back(*out[i]);
    finish(static_cast<Group*>(group)->gloo->allgather(all, tensors));
  });
}

char* illia_barrier(void* group) {
  return caught([&] { finish(static_cast<Group*>(group)->gloo->barrier()); });
}

}  // extern "C"
