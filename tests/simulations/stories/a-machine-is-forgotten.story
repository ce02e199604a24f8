# A dead machine is forgotten by all; no old copy of it brings it back, and it does so itself.
nodes a b c ram 8GiB
also on shell processes
a forgets c
  => refused
  -> c answers: whoever is there is not forgotten
cut the power of c
until a sees c dead
  -> within 10 s
  -> a peer.suspect: c: it does not answer
  -> a peer.dead: c: no word from the node itself for 5 s
  -> b peer.suspect: c: it does not answer
  -> b peer.dead: c: no word from the node itself for 5 s
until b sees c dead
  -> at once
cut the power of b
a forgets c
  => forgotten
  -> a peer.forgotten: c (kauo2xms) is forgotten, says a: given up
a sees c
  -> unknown

# b has slept through it, and has all that was known of c on its disk.
start b
  -> b standing: quarantine: there is no marker: a reboot, a first start, or a new folder
until a sees b alive
  -> at once
advance 20s
  -> a peer.restarted: b: a new run of the same node
  -> b peer.dead: c: no word from the node itself since we started
  -> b peer.forgotten: c (kauo2xms) is forgotten, says a: given up
b sees c
  -> unknown
a sees c
  -> unknown
start c
  -> c standing: quarantine: there is no marker: a reboot, a first start, or a new folder
until everyone sees everyone
  -> at once
  -> a peer.returned: c (kauo2xms) is not forgotten any more, says a: it has come back by itself
  -> b peer.returned: c (kauo2xms) is not forgotten any more, says b: it has come back by itself
  -> c peer.restarted: b: a new run of the same node
everyone verifies
  => every log verifies
