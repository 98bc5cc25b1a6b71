// What a call writes where other threads read: the cache's headers with atomics that count.
//
// Prints, for each policy, how many locked instructions (on x86: exchanges, additions, stores in sequential order, full
// fences) and how many plain stores to atomics a call has.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>
#include <vector>

namespace std {

struct Traffic {
    long locked = 0, stores = 0;
} traffic;

template <class T>
struct counted : atomic<T> {
    using atomic<T>::atomic;
    T operator=(T value) { return store(value), value; }
    void store(T value, memory_order order = memory_order_seq_cst) {
        (order == memory_order_seq_cst ? traffic.locked : traffic.stores)++;
        atomic<T>::store(value, order);
    }
#define COUNTED(name)                                                                             \
    template <class... Arguments>                                                                 \
    auto name(Arguments&&... arguments) {                                                         \
        traffic.locked++;                                                                         \
        return atomic<T>::name(std::forward<Arguments>(arguments)...);                            \
    }
    COUNTED(exchange)
    COUNTED(fetch_add)
    COUNTED(fetch_sub)
    COUNTED(fetch_or)
    COUNTED(fetch_and)
    COUNTED(compare_exchange_weak)
    COUNTED(compare_exchange_strong)
};

inline void counted_fence(memory_order order) {
    if (order == memory_order_seq_cst) traffic.locked++;
    atomic_thread_fence(order);
}

}  // namespace std

#define atomic counted
#define atomic_thread_fence counted_fence
#include "perfcore/cache/cache.hpp"
#undef atomic

using namespace perfcore::cache;

int main() {
    constexpr int64_t CAPACITY = 100'000, N = 256;
    const struct {
        const char* name;
        Policy policy;
    } POLICIES[] = {{"clock", Policy::CLOCK}, {"s3fifo", Policy::S3FIFO}, {"lfu", Policy::LFU}, {"adaptive", Policy::ADAPTIVE}};
    for (const auto& each : POLICIES) {
        Settings settings;
        settings.capacity = CAPACITY, settings.row_bytes = 8, settings.policy = each.policy, settings.seed = 1;
        CacheOf<Integers> cache(settings);
        std::vector<int64_t> keys(CAPACITY + 50 * N), rows(CAPACITY + 50 * N);
        for (size_t i = 0; i < keys.size(); i++) keys[i] = rows[i] = int64_t(i) * 7919;
        std::vector<uint8_t> hit(N);
        auto put = [&](int64_t at) {
            cache.put({&keys[size_t(at)], nullptr, nullptr}, N, reinterpret_cast<char*>(&rows[size_t(at)]), nullptr, nullptr, 0,
                      nullptr);
        };
        auto get = [&](int64_t at) {
            std::vector<int64_t> out(N);
            cache.get({&keys[size_t(at)], nullptr, nullptr}, N, reinterpret_cast<char*>(out.data()), nullptr, hit.data(), 0);
            if (std::count(hit.begin(), hit.end(), 1) != N || !std::equal(out.begin(), out.end(), &rows[size_t(at)]))
                std::puts("WRONG");
        };
        auto told = [&](const char* what, auto call, int times) {
            std::traffic = {};
            for (int i = 0; i < times; i++) call(i);
            std::printf("%s %s %.2f %.2f\n", each.name, what, double(std::traffic.locked) / times,
                        double(std::traffic.stores) / times);
        };
        for (int64_t at = 0; at + N <= CAPACITY; at += N) put(at);
        told("cold", [&](int i) { get(i * N); }, 20);
        for (int i = 0; i < 3; i++) get(0);
        told("hot", [&](int) { get(0); }, 20);
        told("update", [&](int i) { put(i * N); }, 50);
        told("evict", [&](int i) { put(CAPACITY + i * N); }, 50);
    }
}
