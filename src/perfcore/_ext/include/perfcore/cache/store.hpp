// The entries of a cache: get, put and evict without locks.
//
//     get   open a section, find the key's node, copy its row, close        one section for up to CHUNK keys
//     put   take a free row and fill it; swing the key's node to it, or link a new node once there is room for one more
//     evict take the coldest entry that the policy finds: exchange its node's row for NONE, unlink it, retire both
//
// ``size`` counts what is visible and never exceeds ``capacity``: a place is counted before a node is linked, and one
// that is evicted hands its place on. What was retired comes back two epochs later (epochs.hpp), which is what the
// ``slack`` of rows and nodes is for. Rows that views hold when their entries go count against the slack, and entries
// are given up for them. The exact LRU alone works under a mutex.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "epochs.hpp"
#include "frequency.hpp"
#include "keys.hpp"
#include "lists.hpp"
#include "log.hpp"
#include "order.hpp"
#include "rows.hpp"
#include "shadow.hpp"
#include "table.hpp"

namespace perfcore::cache {

enum class Policy : int { CLOCK, S3FIFO, LFU, LRU_EXACT, ADAPTIVE };
enum class Evicted : uint8_t { ONE, NONE, HELD };  // HELD: views are in the way
enum class Put : uint8_t { INSERTED, UPDATED, OLDER, REJECTED, NO_ROW };

struct Settings {
    int64_t capacity = 1, row_bytes = 0;
    Policy policy = Policy::CLOCK;
    bool has_dates = false;
    int64_t idle = NEVER;  // nanoseconds after which an entry that nobody asked for has expired
    int64_t max_pinned = 0;
    uint64_t seed = 0;
    int hash_bits = 64;  // fewer, so that tests meet collisions
};

constexpr int64_t CHUNK = 256;  // keys a section: so long at most does a batch keep others' rows from coming back
constexpr int MOST_PINNED = 30;  // pinned entries that an eviction passes before it gives up, where they are many
constexpr int FEW_PINNED = 3;    // where the last one gave up, too
constexpr int MOST_PASSED = 4096;  // entries that an eviction passes, because they are hot, before it takes any
constexpr int HOTTEST = 3;

// 3 % at most, and 8: enough for some batches of others while one batch is read.
inline int64_t slack_of(int64_t capacity) {
    return std::max(capacity / 128, std::min(capacity * 3 / 100, 4 * CHUNK)) + 8;
}

template <class Keys>
class Store {
public:
    using Ref = typename Keys::Ref;

    // ``mapped``: rows that are there already, fewer than the capacity; `name` tells their keys.
    Store(const Settings& settings, Epochs& epochs, std::shared_ptr<std::atomic<int64_t>> n_pinned,
          const Mapped& mapped = {})
        : is(settings), epochs_(epochs), n_rows_(rows_for(settings)),
          rows_(n_rows_, settings.row_bytes, settings.has_dates, n_pinned, mapped),
          table_(uint32_t(heads_for(n_rows_)), uint32_t(n_rows_)),
          main_(settings.policy != Policy::LRU_EXACT ? uint32_t(n_rows_) : 1),
          small_(has_small(settings) ? uint32_t(n_rows_) : 1), small_share_(small_share(settings)) {
        if (is.policy == Policy::S3FIFO) ghost_ = std::make_unique<Ghost>(ghost_share(is));
        if (has_sketch(is)) sketch_ = std::make_unique<Sketch>(settings.capacity);
        if (is.policy == Policy::ADAPTIVE) duel_ = std::make_unique<Duel>(settings.capacity, small_share_, *sketch_);
        if (is.policy == Policy::LRU_EXACT) order_ = std::make_unique<Order>(uint32_t(n_rows_));
        for (uint32_t id = uint32_t(n_rows_); id-- > 0;) {
            if (id >= mapped.n) free_rows_.push(id, id, row_link());
            free_nodes_.push(id, id, node_link());
        }
    }

    // Before the first call of any other: the keys of the mapped rows, and what is known of them, or null. Of a key
    // that comes twice the first counts.
    void name(const Keys& keys, int64_t n, const int64_t* dates) {
        for (int64_t i = 0; i < n; i++) {
            const uint32_t id = free_nodes_.pop(node_link()), row = uint32_t(i);
            const uint64_t hash = hash_of(keys[i]);
            Node& node = table_[id];
            keep(node, Keys::kept(keys[i], hash));
            node.row.store(row);
            node.heat.store(0);
            node.queue.store(MAIN);
            if (is.has_dates) {
                rows_.dates(row).version = dates[3 * i], rows_.dates(row).until = dates[3 * i + 1];
                rows_.dates(row).touched.store(dates[3 * i + 2]);
            }
            if (table_.insert(id, keys[i], hash) == NONE) {
                enqueue(id);
                size_.fetch_add(1);
                continue;
            }
            forget(node);
            node.row.store(NONE);
            free_nodes_.push(id, id, node_link());
            free_rows_.push(row, row, row_link());
        }
    }

    ~Store() {
        for (uint32_t id = 0; id < table_.n_nodes; id++)
            if (table_[id].state.load() != FREE) Keys::forget(table_[id].key.load());
    }

    // All of these: in an open section, of ``record``; of CHUNK keys at most.

    void get(Record& record, const Keys& keys, int64_t begin, int64_t end, char* out, const char* fill, uint8_t* hit,
             int64_t now) {
        auto lock = exclusive();
        get_chunk(record, keys, begin, end, out, fill, hit, now);
    }

    void contains(const Keys& keys, int64_t begin, int64_t end, uint8_t* hit, int64_t now) const {
        for (int64_t i = begin; i < end; i++) {
            const uint64_t hash = hash_of(keys[i]);
            uint32_t row, id = table_.find(first_of(hash), keys[i], hash, row);
            hit[i] = id != NONE && !is_over(row, now);
        }
    }

    // The row of a key, pinned, in its slab; null where it is not there. ``is_full``: too many rows are pinned.
    std::shared_ptr<Slab> pin(Record& record, Ref key, int64_t now, int64_t& place, bool& is_full) {
        auto lock = exclusive();
        const uint64_t hash = hash_of(key);
        uint32_t row, id = table_.find(first_of(hash), key, hash, row);
        is_full = false;
        if (id == NONE || is_over(row, now)) {
            record.add(id == NONE ? MISSES : EXPIRED);
            if (id != NONE) record.add(MISSES);
            return nullptr;
        }
        record.add(HITS);
        touch(id, row, hash, now);
        place = row & Rows::MASK;
        // Whatever happens to the entry, its row cannot come back while the section is open: the pin holds it then.
        is_full = !rows_.slab(row)->pin(place, is.max_pinned);
        return is_full ? nullptr : rows_.slab(row);
    }

    // Returns the first that found no free row or node, or the end. ``n_rejected`` counts those for which no other
    // entry made room.
    int64_t put(Record& record, const Keys& keys, int64_t begin, int64_t end, const char* in, const int64_t* versions,
                const int64_t* untils, int64_t now, Log* log, int64_t& n_rejected) {
        auto lock = exclusive();
        uint64_t hashes[CHUNK];
        for (int64_t i = begin; i < end; i++) {
            hashes[i - begin] = hash_of(keys[i]);
            prefetch(&table_.head(hashes[i - begin]));
        }
        for (int64_t i = begin; i < end; i++) prefetch_first(hashes[i - begin]);
        for (int64_t i = begin; i < end; i++) {
            const int64_t version = versions == nullptr ? INT64_MIN : versions[i];
            const int64_t until = untils == nullptr ? NEVER : untils[i];
            const char* row = in + i * is.row_bytes;
            const Put done = put_one(record, keys[i], hashes[i - begin], row, version, until, now, log);
            if (done == Put::NO_ROW) return i;
            constexpr Count COUNTED[] = {INSERTS, UPDATES, OLDER, REJECTED};
            record.add(COUNTED[int(done)]);
            n_rejected += done == Put::REJECTED;
        }
        return end;
    }

    // Gives up entries in place of rows that are gone but held by views, where these are more than half of the slack.
    void relieve(Record& record, int64_t now, Log* log) {
        auto lock = exclusive();
        const int64_t most = is.capacity + slack_of(is.capacity) / 2 - rows_.n_left();
        while (size() > most && evict(record, now, log, EVICTED_CAPACITY) == Evicted::ONE)
            size_.fetch_sub(1, std::memory_order_release);
    }

    // Keys a section: few enough that it is short.
    int64_t chunk() const { return std::max<int64_t>(1, std::min(CHUNK, (int64_t(1) << 20) / is.row_bytes)); }

    // How many of the keys were there; ``was`` may be null.
    int64_t remove(Record& record, const Keys& keys, int64_t begin, int64_t end, uint8_t* was) {
        auto lock = exclusive();
        int64_t n_removed = 0;
        for (int64_t i = begin; i < end; i++) {
            const uint64_t hash = hash_of(keys[i]);
            uint32_t row, id = table_.find(first_of(hash), keys[i], hash, row);
            while (id != NONE && !take(id, row))  // a put gave it another row, or it went
                id = table_.find(first_of(hash), keys[i], hash, row);
            const bool is_there = id != NONE;
            if (is_there) {
                drop(id, row, hash);
                size_.fetch_sub(1, std::memory_order_release);
            }
            if (was != nullptr) was[i] = is_there;
            n_removed += is_there;
        }
        record.add(DELETED, uint64_t(n_removed));
        return n_removed;
    }

    // Entries of the chains from ``begin`` on, up to ``end``. None comes twice: a chain grows at its head alone.
    template <class Each>
    void visit(uint32_t begin, uint32_t end, int64_t now, Each each) const {
        for (uint32_t i = begin; i < end; i++)
            for (uint32_t link = table_.head_at(i); link != Table<Keys>::NIL;) {
                const Node& node = table_[link >> 1];
                const uint32_t row = node.row.load(std::memory_order_acquire);
                const Dates* dates = is.has_dates && row != NONE ? &rows_.dates(row) : nullptr;
                if (row != NONE && !is_over(row, now))
                    each(node.key.load(std::memory_order_relaxed), rows_[row], dates);
                link = node.next.load(std::memory_order_acquire) & ~1u;
            }
    }

    // While no writer is inside: the entries of another store, in the order of its queues, the newest that fit.
    void adopt(Record& record, Store& other, int64_t now) {
        auto lock = other.exclusive();
        while (other.size() > is.capacity && other.evict(record, now, nullptr, EVICTED_SHRINK) == Evicted::ONE)
            other.size_.fetch_sub(1);
        if (duel_ && other.duel_) duel_->begin_as(*other.duel_);
        std::vector<uint32_t> ids;
        for (uint32_t id = other.order_ ? other.order_->last() : NONE; id != NONE; id = other.order_->before(id))
            ids.push_back(id);
        for (Ring* ring : {&other.main_, &other.small_})
            for (uint32_t id : ring->in_order()) ids.push_back(id);
        for (uint32_t from : ids) {
            const Node& old = other.table_[from];
            const uint32_t row = old.row.load();
            if (row == NONE) continue;
            if (size() == is.capacity) break;
            const uint32_t fresh = free_rows_.pop(row_link()), made = free_nodes_.pop(node_link());
            std::memcpy(rows_[fresh], other.rows_[row], size_t(is.row_bytes));
            if (is.has_dates && other.is.has_dates) rows_.dates(fresh).copy(other.rows_.dates(row));
            else if (is.has_dates) rows_.dates(fresh).touched.store(now, std::memory_order_relaxed);
            Node& node = table_[made];
            const uint64_t hash = other.hash_of(old);
            keep(node, Keys::copied(old.key.load()));
            node.row.store(fresh);
            node.heat.store(old.heat.load());
            node.queue.store(has_small(is) ? old.queue.load() : uint8_t(MAIN));
            if (node.queue.load() == SMALL) n_small_.fetch_add(1);
            table_.link(made, hash);
            enqueue(made);
            size_.fetch_add(1);
        }
        has_evicted_.store(other.has_evicted_.load());
    }

    void before_fork() {
        if (order_) order_->mutex.lock();
    }
    void after_fork(bool is_child) {
        if (order_) order_->mutex.unlock();
        if (duel_ && is_child) duel_->clear();
    }

    // The policy in use.
    Policy policy() const {
        return is.policy != Policy::ADAPTIVE ? is.policy : is_clock() ? Policy::CLOCK : Policy::LFU;
    }
    int64_t size() const { return size_.load(std::memory_order_acquire); }
    uint32_t n_chains() const { return table_.n_heads; }
    uint64_t nbytes() const { return nbytes_for(is) + uint64_t(text_.load(std::memory_order_relaxed)); }

    // Memory of the rows and of what stands beside them, but for the text of keys.
    static uint64_t nbytes_for(const Settings& its) {
        const int64_t n = rows_for(its);
        uint64_t nbytes = uint64_t(n) * (uint64_t(its.row_bytes) + sizeof(About) + (its.has_dates ? sizeof(Dates) : 0));
        nbytes += Table<Keys>::nbytes_for(heads_for(n), n);
        if (its.policy == Policy::LRU_EXACT) return nbytes + Order::nbytes_for(n);
        nbytes += (has_small(its) ? 2 : 1) * Ring::nbytes_for(n);
        if (its.policy == Policy::S3FIFO) nbytes += Ghost::nbytes_for(ghost_share(its));
        if (has_sketch(its)) nbytes += Sketch::nbytes_for(its.capacity);
        return nbytes + (its.policy == Policy::ADAPTIVE ? Duel::nbytes_for(its.capacity) : 0);
    }

    // While nobody is inside: what does not hold of the whole, or null. For tests.
    const char* check() {
        std::vector<int> rows(size_t(n_rows_), 0), nodes(size_t(n_rows_), 0);
        int64_t n_alive = 0, n_small = 0;
        for (uint32_t i = 0; i < table_.n_heads; i++)
            for (uint32_t link = table_.head_at(i); link != Table<Keys>::NIL; link = table_[link >> 1].next.load()) {
                if (link & 1) return "a chain leads on from a node that is being unlinked";
                const Node& node = table_[link >> 1];
                const uint32_t row = node.row.load();
                if (row == NONE) return "a chain holds a dead node";
                rows[row]++;
                n_alive++;
                n_small += node.queue.load() == SMALL;
            }
        if (n_alive != size()) return "size is not the number of entries";
        if (has_small(is) && n_small != n_small_.load()) return "the small queue's size is not that of its entries";
        for (uint32_t id = 0; id < uint32_t(n_rows_); id++) {
            if (rows_.about(id).pins.load() & LEFT) rows[id]++;
            if ((id & Rows::MASK) != 0) continue;
            Slab& slab = *rows_.slab(id);
            for (uint32_t at = slab.unpinned.top(); at != NONE; at = slab.about[at].link.load()) rows[id + at]++;
        }
        for (Stack* stack : {&free_rows_, &retired_rows_[0], &retired_rows_[1], &retired_rows_[2]})
            for (uint32_t id = stack->top(); id != NONE; id = rows_.link(id).load()) rows[id]++;
        for (Stack* stack : {&free_nodes_, &retired_nodes_[0], &retired_nodes_[1], &retired_nodes_[2]})
            for (uint32_t id = stack->top(); id != NONE; id = table_[id].link.load()) nodes[id]++;
        for (uint32_t id = order_ ? order_->last() : NONE; id != NONE; id = order_->before(id)) nodes[id]++;
        for (Ring* ring : {&main_, &small_})
            for (uint32_t id : ring->in_order()) nodes[id]++;
        for (int n : rows)
            if (n != 1) return n ? "a row is in two places" : "a row is lost";
        for (int n : nodes)
            if (n != 1) return n ? "a node is in two places" : "a node is lost";
        return nullptr;
    }

    const Settings is;

private:
    // -- what the parts are called ---------------------------------------------------------------------------------

    auto row_link() {
        return [this](uint32_t id) -> std::atomic<uint32_t>& { return rows_.link(id); };
    }
    auto node_link() {
        return [this](uint32_t id) -> std::atomic<uint32_t>& { return table_[id].link; };
    }
    uint64_t hash_of(Ref key) const { return trimmed(Keys::hash(key, is.seed)); }
    uint64_t hash_of(const Node& node) const { return trimmed(Keys::hash_of(node.key.load(), is.seed)); }
    uint64_t trimmed(uint64_t hash) const { return is.hash_bits == 64 ? hash : hash & ~(~uint64_t(0) >> is.hash_bits); }
    uint32_t first_of(uint64_t hash) const { return table_.head(hash).load(std::memory_order_acquire); }
    static int64_t rows_for(const Settings& its) { return its.capacity + slack_of(its.capacity); }
    static int64_t heads_for(int64_t n) { return n + n / 2; }
    static bool has_small(const Settings& its) {
        return its.policy != Policy::CLOCK && its.policy != Policy::LRU_EXACT;
    }
    static int64_t ghost_share(const Settings& its) { return std::max<int64_t>(1, its.capacity * 9 / 10); }
    static bool has_sketch(const Settings& its) { return has_small(its) && its.policy != Policy::S3FIFO; }
    static int64_t small_share(const Settings& its) {
        return !has_small(its) ? 0 : std::max<int64_t>(1, its.capacity / (its.policy == Policy::S3FIFO ? 10 : 5));
    }
    bool is_clock() const { return !has_small(is) || (duel_ && !duel_->is_lfu_better()); }
    std::unique_lock<std::mutex> exclusive() {
        return order_ ? std::unique_lock<std::mutex>(order_->mutex) : std::unique_lock<std::mutex>();
    }

    bool is_over(uint32_t row, int64_t now) const {
        if (!is.has_dates) return false;
        const Dates& dates = rows_.dates(row);
        const int64_t touched = dates.touched.load(std::memory_order_relaxed);
        return dates.until <= now || (is.idle != NEVER && touched <= now - is.idle);
    }

    // -- get -------------------------------------------------------------------------------------------------------

    // In steps, each over all keys, so that the memory that one step asks for is there when the next reads it.
    void get_chunk(Record& record, const Keys& keys, int64_t begin, int64_t end, char* out, const char* fill,
                   uint8_t* hit, int64_t now) {
        const int64_t n = end - begin;
        uint64_t hashes[CHUNK];
        uint32_t links[CHUNK], found[CHUNK];
        for (int64_t i = 0; i < n; i++) {
            hashes[i] = hash_of(keys[begin + i]);
            prefetch(&table_.head(hashes[i]));
        }
        for (int64_t i = 0; i < n; i++) links[i] = prefetch_first(hashes[i]);
        uint64_t n_hits = 0, n_expired = 0;
        for (int64_t i = 0; i < n; i++) {
            const uint32_t id = table_.find(links[i], keys[begin + i], hashes[i], found[i]);
            if (id == NONE) {
                found[i] = NONE;
                if (sketch_) sketch_->add(hashes[i]);
                continue;
            }
            if (is_over(found[i], now)) {
                found[i] = NONE;
                n_expired++;
                continue;
            }
            prefetch(rows_[found[i]]);
            touch(id, found[i], hashes[i], now);
            n_hits++;
        }
        const size_t size = size_t(is.row_bytes);
        for (int64_t i = 0; i < n; i++) {
            hit[begin + i] = found[i] != NONE;
            char* to = out + (begin + i) * is.row_bytes;
            if (found[i] != NONE) std::memcpy(to, rows_[found[i]], size);
            else if (fill != nullptr) std::memcpy(to, fill, size);
        }
        if (duel_) duel_->got(hashes, found, n);
        record.add(HITS, n_hits);
        record.add(MISSES, uint64_t(n) - n_hits);
        if (n_expired) record.add(EXPIRED, n_expired);
    }

    template <bool to_write = false>
    static void prefetch(const void* at) {
#if defined(__GNUC__)
        __builtin_prefetch(at, to_write);
#else
        (void)at;
#endif
    }

    uint32_t prefetch_first(uint64_t hash) const {
        const uint32_t link = first_of(hash);
        if (link != Table<Keys>::NIL) prefetch(&table_[link >> 1]);
        return link;
    }

    // What the next evictions will read: their nodes, the heads of their chains, the first nodes of these.
    void prefetch_behind(const Ring& ring) const {
        uint32_t id = ring.ahead(6);
        if (id != NONE) prefetch(&table_[id]);
        id = ring.ahead(4);
        if (id != NONE) prefetch(&table_.head(hash_of(table_[id])));
        id = ring.ahead(2);
        if (id != NONE) prefetch_first(hash_of(table_[id]));
    }

    // Written only where it changes, so that a hot key's line stays in every core's cache.
    void touch(uint32_t id, uint32_t row, uint64_t hash, int64_t now) {
        if (order_) {
            order_->to_front(id);
        } else {
            Node& node = table_[id];
            const uint8_t heat = node.heat.load(std::memory_order_relaxed);
            if (heat < HOTTEST) node.heat.store(uint8_t(heat + 1), std::memory_order_relaxed);
            if (sketch_) sketch_->add(hash);
        }
        if (is.idle != NEVER) {
            auto& touched = rows_.dates(row).touched;
            if (now - touched.load(std::memory_order_relaxed) > is.idle / 16)
                touched.store(now, std::memory_order_relaxed);
        }
    }

    // -- put -------------------------------------------------------------------------------------------------------

    Put put_one(Record& record, Ref key, uint64_t hash, const char* in, int64_t version, int64_t until, int64_t now,
                Log* log) {
        const uint32_t fresh = free_row(record);
        if (fresh == NONE) return Put::NO_ROW;
        std::memcpy(rows_[fresh], in, size_t(is.row_bytes));
        if (is.has_dates) {
            Dates& dates = rows_.dates(fresh);
            dates.version = version, dates.until = until;
            dates.touched.store(now, std::memory_order_relaxed);
        }
        uint32_t made = NONE;
        try {
            const Put done = publish(record, key, hash, fresh, made, version, now, log);
            give_back(done, fresh, made);
            return done;
        } catch (...) {  // no memory for a key or for the log
            give_back(Put::REJECTED, fresh, made);
            throw;
        }
    }

    // Shows a row that is written under its key; ``made`` is the node that was taken for it, if one was.
    Put publish(Record& record, Ref key, uint64_t hash, uint32_t fresh, uint32_t& made, int64_t version, int64_t now,
                Log* log) {
        uint32_t row, id = table_.find(first_of(hash), key, hash, row);
        for (;;) {
            if (id != NONE) {  // there: swing its node from its row to this one
                if (is.has_dates && rows_.dates(row).version > version && !is_over(row, now)) return Put::OLDER;
                if (table_[id].row.compare_exchange_strong(row, fresh, std::memory_order_seq_cst)) {
                    retire_row(row);
                    touch(id, fresh, hash, now);
                    return Put::UPDATED;
                }
                if (row != NONE) continue;  // another thread's row came first: look at its version
            } else if (made == NONE) {  // not there: a place and a node for it
                const Queue queue = queue_for(hash);
                const Evicted found = find_room(record, now, log);
                if (found != Evicted::ONE) return found == Evicted::HELD ? Put::REJECTED : Put::NO_ROW;
                made = free_node(record);
                if (made == NONE) {
                    size_.fetch_sub(1, std::memory_order_release);
                    return Put::NO_ROW;
                }
                Node& node = table_[made];
                node.row.store(fresh, std::memory_order_relaxed);
                node.heat.store(0, std::memory_order_relaxed);
                node.queue.store(queue, std::memory_order_relaxed);
                if (queue == SMALL) n_small_.fetch_add(1, std::memory_order_relaxed);
                node.key.store(0, std::memory_order_relaxed);
                keep(node, Keys::kept(key, hash));
            } else if ((id = table_.insert(made, key, hash)) == NONE) {
                enqueue(made);
                if (duel_) duel_->put(hash);
                return Put::INSERTED;
            }
            id = table_.find(first_of(hash), key, hash, row);
        }
    }

    // What was taken for a put and is not shown: the row, and the node with its place.
    void give_back(Put done, uint32_t fresh, uint32_t made) {
        if (done == Put::INSERTED) return;
        if (done != Put::UPDATED) free_rows_.push(fresh, fresh, row_link());
        if (made == NONE) return;
        Node& node = table_[made];
        forget(node);
        leave_small(node);
        node.row.store(NONE, std::memory_order_relaxed);
        free_nodes_.push(made, made, node_link());
        size_.fetch_sub(1, std::memory_order_release);
    }

    // As long as nothing had to leave, what is beyond the small queue's share goes to the main one; later, what left
    // the small one not long ago.
    Queue queue_for(uint64_t hash) {
        if (is_clock()) return MAIN;
        if (!has_evicted_.load(std::memory_order_relaxed)) return n_small_.load() >= small_share_ ? MAIN : SMALL;
        return ghost_ && ghost_->remove(hash) ? MAIN : SMALL;
    }

    void keep(Node& node, uint64_t word) {
        node.key.store(word, std::memory_order_relaxed);
        if (const int64_t n = Keys::nbytes(word)) text_.fetch_add(n, std::memory_order_relaxed);
    }
    void forget(Node& node) {
        const uint64_t word = node.key.load(std::memory_order_relaxed);
        if (const int64_t n = Keys::nbytes(word)) text_.fetch_sub(n, std::memory_order_relaxed);
        Keys::forget(word);
        node.state.store(FREE, std::memory_order_relaxed);
    }

    void enqueue(uint32_t id) {
        if (order_) return order_->add(id);
        (table_[id].queue.load(std::memory_order_relaxed) == MAIN ? main_ : small_).push(id);
    }

    // Counted once, whoever comes first: one that deletes the entry, or one that promotes it.
    void leave_small(Node& node) {
        if (node.queue.exchange(MAIN, std::memory_order_relaxed) == SMALL)
            n_small_.fetch_sub(1, std::memory_order_relaxed);
    }

    // A place among those that are visible; by evicting where there is none left.
    Evicted find_room(Record& record, int64_t now, Log* log) {
        int64_t size = size_.load(std::memory_order_relaxed);
        while (size < is.capacity)
            if (size_.compare_exchange_weak(size, size + 1, std::memory_order_acq_rel)) return Evicted::ONE;
        return evict(record, now, log, EVICTED_CAPACITY);
    }

    uint32_t free_row(Record& record) {
        for (int tries = 0; tries < 4; tries++) {
            const uint32_t id = free_rows_.pop(row_link());
            const uint32_t next = free_rows_.top();
            if (next != NONE)  // what the next put writes to
                for (int64_t at = 0; at < is.row_bytes; at += 64) prefetch<true>(rows_[next] + at);
            if (id != NONE) return id;
            reclaim(record);
        }
        return NONE;
    }

    uint32_t free_node(Record& record) {
        for (int tries = 0; tries < 8; tries++) {
            const uint32_t id = free_nodes_.pop(node_link());
            if (id != NONE) return id;
            if (tries == 2) sift();
            reclaim(record);
        }
        return NONE;
    }

    // Nodes of deleted entries wait in their queues for their turn: takes them out, and leaves the others in their
    // order by going round once.
    void sift() {
        const uint64_t now = epochs_.now();
        if (sifted_.exchange(now, std::memory_order_relaxed) == now) return;  // for all, as long as nothing comes back
        for (Ring* ring : {&main_, &small_})
            for (uint64_t end = ring->end(), id; (id = ring->pop(end)) != NONE;)
                if (table_[uint32_t(id)].row.load(std::memory_order_acquire) != NONE || !recycle(uint32_t(id)))
                    ring->push(uint32_t(id));
    }

    // -- evict -----------------------------------------------------------------------------------------------------

    bool take(uint32_t id, uint32_t row) {
        return table_[id].row.compare_exchange_strong(row, NONE, std::memory_order_seq_cst);
    }

    // What was taken: out of its chain; its row to be used anew. Its node lies in its queue until its turn.
    void drop(uint32_t id, uint32_t row, uint64_t hash) {
        leave_small(table_[id]);
        table_.unlink(id, hash);
        retire_row(row);
        if (order_) {
            order_->remove(id);
            retire_node(id);
        }
    }

    // A dead node that was popped from its queue; false while whoever took it is still unlinking it.
    bool recycle(uint32_t id) {
        if (table_[id].state.load(std::memory_order_acquire) != UNLINKED) return false;
        retire_node(id);
        return true;
    }

    int most_pinned() const {
        if (4 * rows_.n_pinned->load() <= is.capacity) return MOST_PASSED;
        return gave_up_.load(std::memory_order_relaxed) ? FEW_PINNED : MOST_PINNED;
    }

    // Takes one entry out and leaves its place, counted in `size_`, to the caller. What leaves because the cache
    // shrinks may be held by views: it is copied, or goes with the store.
    Evicted evict(Record& record, int64_t now, Log* log, Count why) {
        const Evicted found = order_ ? evict_oldest(record, now, log, why) : evict_coldest(record, now, log, why);
        const bool is_held = found == Evicted::HELD;
        if (gave_up_.load(std::memory_order_relaxed) != is_held) gave_up_.store(is_held, std::memory_order_relaxed);
        return found;
    }

    Evicted evict_coldest(Record& record, int64_t now, Log* log, Count why) {
        if (!has_evicted_.load(std::memory_order_relaxed)) has_evicted_.store(true, std::memory_order_relaxed);
        const int most_pinned = this->most_pinned();
        int n_pinned = 0;
        for (int64_t tries = 0; tries < 2 * MOST_PASSED && n_pinned < most_pinned; tries++) {
            const int64_t n_small = n_small_.load(std::memory_order_relaxed);
            const bool is_due = n_small >= small_share_ || is_clock() || n_pinned >= FEW_PINNED - 1;
            const bool from_small = n_small > 0 && is_due;
            Ring& ring = from_small ? small_ : main_;
            uint32_t id = ring.pop();
            prefetch_behind(ring);
            if (id == NONE && has_small(is)) id = (from_small ? main_ : small_).pop();
            if (id == NONE) break;
            Node& node = table_[id];
            const bool is_small = node.queue.load(std::memory_order_relaxed) == SMALL;
            Ring& home = is_small ? small_ : main_;
            const uint32_t row = node.row.load(std::memory_order_acquire);
            if (row == NONE) {
                if (recycle(id)) tries--;  // of those there may be many, each once
                else home.push(id);
                continue;
            }
            if (why != EVICTED_SHRINK && rows_.about(row).pins.load(std::memory_order_acquire) != 0) {
                record.add(SKIPPED_PINNED);
                n_pinned++;
                promote(id, node);  // a view is a use that lasts
                continue;
            }
            const bool is_expired = is_over(row, now);
            if (!is_expired && tries < MOST_PASSED && stays(id, node, is_small)) continue;
            const uint64_t hash = hash_of(node);
            try {
                if (!take(id, row, is_expired, log)) {
                    home.push(id);
                    continue;
                }
            } catch (...) {
                home.push(id);
                throw;
            }
            drop(id, row, hash);
            if (ghost_ && is_small && !is_expired) ghost_->add(hash);
            recycle(id);
            record.add(is_expired ? EVICTED_EXPIRED : why);
            return Evicted::ONE;
        }
        return n_pinned != 0 ? Evicted::HELD : Evicted::NONE;
    }

    // Written down before it is taken: where there is no memory for that, the entry stays.
    bool take(uint32_t id, uint32_t row, bool is_expired, Log* log) {
        if (log == nullptr) return take(id, row);
        Keys::write(table_[id].key.load(std::memory_order_relaxed), *log);
        log->rows.insert(log->rows.end(), rows_[row], rows_[row] + is.row_bytes);
        log->expired.push_back(is_expired);
        if (take(id, row)) return true;
        log->forget_last(is.row_bytes);
        return false;
    }

    // Whether the policy keeps an entry whose turn it is; it is in a queue again, then.
    bool stays(uint32_t id, Node& node, bool is_small) {
        const uint8_t heat = node.heat.load(std::memory_order_relaxed);
        if (!is_small) {  // a CLOCK: once more round for each time it was asked for
            if (heat == 0) return false;
            node.heat.store(uint8_t(heat - 1), std::memory_order_relaxed);
            main_.push(id);
            return true;
        }
        if (is_clock()) {  // lately it was not
            promote(id, node);
            return true;
        }
        if (is.policy == Policy::S3FIFO) {
            if (heat < 2) return false;
            node.heat.store(0, std::memory_order_relaxed);
            promote(id, node);
            return true;
        }
        if (heat != 0) {
            node.heat.store(uint8_t(heat - 1), std::memory_order_relaxed);
            small_.push(id);
            return true;
        }
        if (!beats_the_coldest(node)) return false;
        promote(id, node);
        return true;
    }

    void promote(uint32_t id, Node& node) {
        leave_small(node);
        main_.push(id);
    }

    // W-TinyLFU: whether a candidate is asked for more often than what the main queue would evict.
    bool beats_the_coldest(const Node& candidate) {
        for (int passed = 0;; passed++) {
            uint64_t at;
            const uint32_t id = main_.peek(at);
            if (id == NONE || passed == MOST_PASSED) return true;
            Node& node = table_[id];
            const uint8_t heat = node.heat.load(std::memory_order_relaxed);
            const bool is_alive = node.row.load(std::memory_order_acquire) != NONE;
            if (is_alive && (heat == 0 || passed > 0)) {
                const bool is_more = sketch_->is_worth(hash_of(candidate), hash_of(node));
                if (heat == 0 || !is_more) return is_more;
            }
            if (!main_.remove(at, id)) continue;
            if (is_alive) node.heat.store(uint8_t(heat - 1), std::memory_order_relaxed);
            if (is_alive || !recycle(id)) main_.push(id);
        }
    }

    Evicted evict_oldest(Record& record, int64_t now, Log* log, Count why) {
        for (int n_pinned = most_pinned(); n_pinned > 0; n_pinned--) {
            const uint32_t id = order_->last();
            if (id == NONE) return Evicted::NONE;
            const uint32_t row = table_[id].row.load(std::memory_order_acquire);
            if (why != EVICTED_SHRINK && rows_.about(row).pins.load(std::memory_order_acquire) != 0) {
                record.add(SKIPPED_PINNED);
                order_->to_front(id);  // a view is a use that lasts
                continue;
            }
            const uint64_t hash = hash_of(table_[id]);
            const bool is_expired = is_over(row, now);
            take(id, row, is_expired, log);
            drop(id, row, hash);
            record.add(is_expired ? EVICTED_EXPIRED : why);
            return Evicted::ONE;
        }
        return Evicted::HELD;
    }

    // -- what was retired ------------------------------------------------------------------------------------------

    void retire_row(uint32_t id) { retired_rows_[epochs_.now() % 3].push(id, id, row_link()); }
    void retire_node(uint32_t id) { retired_nodes_[epochs_.now() % 3].push(id, id, node_link()); }

    // Brings back what was retired two epochs ago, where the epoch can advance. No link may be held.
    void reclaim(Record& record) {
        epochs_.renew(&record);
        if (!epochs_.advance(&record)) return;
        const uint64_t old = epochs_.now() + 1;  // modulo 3: the epoch before the last
        for (uint32_t id = retired_rows_[old % 3].detach(), next; id != NONE; id = next) {
            next = rows_.link(id).load(std::memory_order_relaxed);
            if (rows_.leave(id)) free_rows_.push(id, id, row_link());
        }
        rows_.unpinned([&](uint32_t id) { free_rows_.push(id, id, row_link()); });
        for (uint32_t id = retired_nodes_[old % 3].detach(), next; id != NONE; id = next) {
            next = table_[id].link.load(std::memory_order_relaxed);
            forget(table_[id]);
            free_nodes_.push(id, id, node_link());
        }
    }

    Epochs& epochs_;
    const int64_t n_rows_;
    Rows rows_;
    Table<Keys> table_;
    Ring main_, small_;
    const int64_t small_share_;
    std::unique_ptr<Ghost> ghost_;
    std::unique_ptr<Sketch> sketch_;
    std::unique_ptr<Duel> duel_;
    std::unique_ptr<Order> order_;
    Stack free_rows_, free_nodes_, retired_rows_[3], retired_nodes_[3];
    alignas(64) std::atomic<int64_t> size_{0};
    alignas(64) std::atomic<int64_t> n_small_{0};
    alignas(64) std::atomic<int64_t> text_{0};  // bytes of keys that are text
    std::atomic<bool> has_evicted_{false}, gave_up_{false};
    std::atomic<uint64_t> sifted_{0};
};

}  // namespace perfcore::cache
