"""What the page says, in Polish; see `flowshot.report.polish`, which these sentences are added to."""

_FRAME = {
    "Skip to the findings": "Przejdź do ustaleń",
    "On this page": "Na tej stronie",
    "Arms: {arms} = {datasets} × {autoencoders} × {priors} (datasets × autoencoders × priors), each with seeds: "  # noqa: RUF001
    "{seeds}.": (
        "Warianty: {arms} = {datasets} × {autoencoders} × {priors} (zbiory danych × autoenkodery × rozkłady a priori), "  # noqa: RUF001
        "ziarna każdego: {seeds}."
    ),
    "Findings": "Ustalenia",
    "What was run": "Co uruchomiono",
    "tables": "tabele",
    "sounds": "dźwięki",
    "training and latent space": "uczenie i przestrzeń ukryta",
    "Run it again": "Jak to powtórzyć",
    "Which": "Które",
    "lower is better": "mniej znaczy lepiej",
    "higher is better": "więcej znaczy lepiej",
    "A heading sorts by its column. The same tables as files:": (
        "Nagłówek sortuje według kolumny. Te same tabele w plikach:"
    ),
    "All numbers:": "Wszystkie liczby:",
}

_FACTS = {
    "Dataset {dataset}": "Zbiór danych {dataset}",
    "Incomplete:": "Niepełny:",
    "origin": "pochodzenie",
    "licence": "licencja",
    "clips": "klipy",
    "{count} sources": "źródeł: {count}",
    "{seconds} s at {rate} Hz each": "po {seconds} s, {rate} Hz",
    "audit of the files": "przegląd plików",
    "{count} kept": "zachowano: {count}",
    "dropped:": "odrzucono:",
    "Packages": "Pakiety",
    "How clips were embedded": "Jak wyznaczano osadzenia klipów",
    "embedding": "osadzenie",
    "dimensions": "wymiary",
    "weights (SHA-256)": "wagi (SHA-256)",
    "runtime": "środowisko",
    "clip policy": "sposób podania klipów",
    "not recorded": "nie zapisano",
    "training took": "czas uczenia",
    "{minutes} minutes": "{minutes} min",
    "{low} to {high} minutes for each of {count} trainings": (
        "od {low} do {high} minut na jedno z uczeń (było ich {count})"
    ),
    "numbers in results.csv": "liczb w results.csv",
    "revision of the code": "wersja kodu",
    "page written with": "stronę zapisano za pomocą",
    "dataset": "zbiór danych",
    "autoencoder": "autoenkoder",
    "prior": "rozkład a priori",
    "seed": "ziarno",
    "MLflow run": "przebieg MLflow",
    "command": "polecenie",
    "not logged": "nie zapisano",
    "At revision {revision}, with `plan: *{plan}` in params.yaml and the dataset prepared (dvc repro prepare@DATASET), "
    "each command makes one arm anew, from training to scores.": (
        "W wersji {revision}, z wierszem `plan: *{plan}` w params.yaml i przygotowanym zbiorem danych (dvc repro "
        "prepare@ZBIÓR), każde polecenie tworzy od nowa jeden wariant, od uczenia po oceny."
    ),
}

_SOUNDS = {
    "Sounds of {dataset}": "Dźwięki zbioru {dataset}",
    "Of seed {seed}. Above the spectrogram (to {kilohertz} kHz, 80 dB) stands the waveform. One sound plays at a time: "
    "click its picture, or go there with Tab and press Space; the arrow keys go to the next.": (
        "Z ziarna {seed}. Nad spektrogramem (do {kilohertz} kHz, 80 dB) jest przebieg fali. Naraz gra jeden dźwięk: "
        "kliknij jego obraz albo przejdź do niego klawiszem Tab i naciśnij spację; strzałki prowadzą do następnego."
    ),
    "Of seed {seed}.": "Z ziarna {seed}.",
    "The sounds are FLAC, 16 bits.": "Dźwięki są w formacie FLAC, 16 bitów.",
    "The sounds are MP3, because FLAC would be too large for one page.": (
        "Dźwięki są w formacie MP3, bo FLAC byłby za duży na jedną stronę."
    ),
    "The sounds are MP3 and cut after {seconds} s, because all would be too large for one page.": (
        "Dźwięki są w formacie MP3, ucięte po {seconds} s, bo całe byłyby za duże na jedną stronę."
    ),
    "Reconstructions and walks are not here; this makes them:": "Brak rekonstrukcji i przejść; utworzy je:",
    "The clips are not here; this makes them:": "Brak klipów; utworzy je:",
    "Test clips and their reconstructions": "Klipy testowe i ich rekonstrukcje",
    "original": "oryginał",
    "original: {name}": "oryginał: {name}",
    "reconstruction: {name}": "rekonstrukcja: {name}",
    "Generated with the prior {prior}": "Wygenerowane z rozkładu a priori {prior}",
    "{arm}, clip {number}": "{arm}, klip {number}",
    "Nearest to training clips ({embedding})": "Najbliższe klipom uczącym ({embedding})",
    "clip {number} and {name}": "klip {number} i {name}",
    "generated, #{number}": "wygenerowany, nr {number}",
    "training clip": "klip uczący",
    "training clip: {name}": "klip uczący: {name}",
    "distance {distance}": "odległość {distance}",
    "no copy": "to nie kopia",
    "closer than other training clips: a copy?": "bliżej niż inne klipy uczące: kopia?",
    "Through the latent space, from {first} to {last}": "Przez przestrzeń ukrytą, od {first} do {last}",
    "{name}, step {step} of {steps}": "{name}, krok {step} z {steps}",
    "Play {sound}": "Odtwórz: {sound}",
    "Play all {count}, one after the other": "Odtwórz wszystkie po kolei ({count})",
}

_CHARTS = {
    "Training and latent space": "Uczenie i przestrzeń ukryta",
    "Training curves. A name highlights its curves.": "Krzywe uczenia. Nazwa wyróżnia swoje krzywe.",
    "The histories of the trainings are not here.": "Brak historii uczenia.",
    "Highlight": "Wyróżnij",
    "The numbers behind the charts": "Liczby, z których powstały wykresy",
    "training": "uczenie",
    "step": "krok",
    "reconstruction loss, training": "strata rekonstrukcji, uczenie",
    "reconstruction loss, validation": "strata rekonstrukcji, walidacja",
    "KL (nats), training": "KL (naty), uczenie",
    "mutual information (nats), validation": "informacja wzajemna (naty), walidacja",
    "Where the divergence goes: KL = mutual information (what the latent says of a clip) + marginal KL (how far all "
    "latents together are from the prior), in nats.": (
        "Na co idzie dywergencja: KL = informacja wzajemna (co wektor ukryty mówi o klipie) + brzegowa KL (jak daleko "
        "wszystkie wektory ukryte razem są od rozkładu a priori), w natach."
    ),
    "mutual information": "informacja wzajemna",
    "marginal KL": "brzegowa KL",
    "mutual information + marginal KL": "informacja wzajemna + brzegowa KL",
    "What a nat of divergence buys: one point a training. Lower and further left is better.": (
        "Co daje nat dywergencji: punkt to jedno uczenie. Lepiej jest niżej i bliżej lewej strony."
    ),
    "FAD of samples (filled) and of reconstructions (hollow) over KL": (
        "FAD próbek (pełne znaki) i rekonstrukcji (puste) względem KL"
    ),
}

_FINDINGS = {
    "Means over {count} seeds; what is tested is whether trainings differ.": (
        "Średnie z {count} ziaren; testuje się, czy różnią się uczenia."
    ),
    "One seed: intervals and p-values are over clips. Whether another training would say the same is not known.": (
        "Jedno ziarno: przedziały i wartości p dotyczą klipów. Nie wiadomo, czy inne uczenie dałoby to samo."
    ),
    "In FAD ({embedding}) the arm nearest to real clips is {arm} at {value}: {ratio} times the floor of {floor}, which "
    "held-out real clips reach.": (
        "Według FAD ({embedding}) najbliżej klipów rzeczywistych jest wariant {arm}: {value}, czyli {ratio} razy dolna "
        "granica {floor}, którą osiągają odłożone klipy rzeczywiste."
    ),
    "Its samples are no further away than real clips are from one another.": (
        "Jego próbki nie są dalej, niż klipy rzeczywiste od siebie nawzajem."
    ),
    "Test clips that it encodes and decodes reach {decoder}, no less: its decoder is the limit.": (
        "Klipy testowe, które koduje i dekoduje, osiągają {decoder}, nie mniej: ogranicza go dekoder."
    ),
    "Test clips that it encodes and decodes reach {decoder}, hardly less: its decoder is the limit.": (
        "Klipy testowe, które koduje i dekoduje, osiągają {decoder}, niewiele mniej: ogranicza go dekoder."
    ),
    "Test clips that it encodes and decodes reach {decoder}: {share} of the way to the floor is its prior's.": (
        "Klipy testowe, które koduje i dekoduje, osiągają {decoder}: za {share} drogi do dolnej granicy odpowiada "
        "rozkład a priori."
    ),
    "In {metric} {count} of {total} arms differ from {baseline} with the same prior (p < {alpha}, Holm).": (
        "Według {metric} od {baseline} z tym samym rozkładem a priori różnią się warianty w liczbie {count} z {total} "
        "(p < {alpha}, Holm)."
    ),
    "In {metric} none of {total} arms differs from {baseline} with the same prior: the smallest p is {p} ({arm}; "
    "Holm).": (
        "Według {metric} żaden z {total} wariantów nie różni się od {baseline} z tym samym rozkładem a priori: "
        "najmniejsze p wynosi {p} ({arm}; Holm)."
    ),
    "closer to real clips": "bliżej klipów rzeczywistych",
    "further from real clips": "dalej od klipów rzeczywistych",
    "In {count} of {total} trainings the decoder ignores the latent, wholly or in part (posterior collapse).": (
        "W {count} z {total} uczeń dekoder pomija wektor ukryty, w całości lub w części (zapadnięcie rozkładu a "
        "posteriori)."
    ),
    "The training is not collapsed.": "Rozkład a posteriori się nie zapadł.",
    "None of {total} trainings is collapsed; the least used latent is that of": (
        "W żadnym z {total} uczeń rozkład a posteriori się nie zapadł; najmniej używa wektora ukrytego"
    ),
    "{name}: {used} of {size} dimensions vary over clips and reach the decoder": (
        "{name}: {used} z {size} wymiarów zmienia się między klipami i dociera do dekodera"
    ),
    "exchanging the latents of clips raises the loss by {rise} %.": (
        "zamiana wektorów ukrytych między klipami podnosi stratę o {rise} %."
    ),
    "KID ({embedding}) cannot tell {count} of {total} arms from real clips.": (
        "KID ({embedding}) nie odróżnia od klipów rzeczywistych wariantów w liczbie {count} z {total}."
    ),
    "KID tells every arm from real clips by permutation:": (
        "KID w teście permutacyjnym odróżnia każdy wariant od klipów rzeczywistych:"
    ),
    "In {embedding} the samples of {count} arms lie nearer to training clips than unseen real clips do, at these parts "
    "of that distance. Listen to their neighbours below.": (
        "W osadzeniu {embedding} próbki wariantów (liczba: {count}) leżą bliżej klipów uczących niż nieznane klipy "
        "rzeczywiste, w podanej części tej odległości. Ich sąsiadów można posłuchać niżej."
    ),
    "The samples of no arm lie nearer to training clips than unseen real clips do. The nearest, as multiples of that "
    "distance:": (
        "Próbki żadnego wariantu nie leżą bliżej klipów uczących niż nieznane klipy rzeczywiste. Najbliższe, jako "
        "wielokrotność tej odległości:"
    ),
    "In {count} of {total} arms all clips share a tone or an offset, so many dB above its surroundings; in real clips "
    "it is {floor} dB.": (
        "Klipy wariantów (liczba: {count} z {total}) mają wspólny ton lub składową stałą, o tyle dB ponad otoczeniem; "
        "w klipach rzeczywistych jest to {floor} dB."
    ),
}

PAGE = {**_FRAME, **_FACTS, **_SOUNDS, **_CHARTS, **_FINDINGS}
