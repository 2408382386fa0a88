"""What the report says, in Polish: the English sentence of the code is the key.

Terms of the field as Polish papers use them: autoenkoder wariacyjny, przepływy normalizujące, rozkład a priori and
a posteriori, dywergencja Kullbacka-Leiblera, odległość Frécheta, przedział ufności, obciążenie (bias), ziarno (seed),
osadzenie (embedding). Nouns behind a number stand where every number takes the same form.
"""

from flowshot.report.page.polish import PAGE

# Captions of tables and figures.
_CAPTIONS = {
    "Quality of generated clips": "Jakość wygenerowanych klipów",
    "Distances of generated clips that do not depend on n, and whether they could be chance": (
        "Odległości wygenerowanych klipów niezależne od n oraz to, czy mogą być dziełem przypadku"
    ),
    "Fidelity and diversity of generated clips": "Wierność i różnorodność wygenerowanych klipów",
    "Diversity of generated clips, and whether they copy training clips": (
        "Różnorodność wygenerowanych klipów oraz to, czy kopiują klipy uczące"
    ),
    "Autoencoders: reconstruction of test clips": "Autoenkodery: rekonstrukcja klipów testowych",
    "Autoencoders: latent space and cost": "Autoenkodery: przestrzeń ukryta i koszt",
    "{subject}, dataset {dataset}.": "{subject}, zbiór danych {dataset}.",
    "{subject}, dataset {dataset}, n = {n}.": "{subject}, zbiór danych {dataset}, n = {n}.",
    "{low} to {high}": "od {low} do {high}",
    "Budget of every autoencoder: {steps} steps of {clips} clips.": (
        "Budżet każdego autoenkodera: kroki: {steps}, klipy w kroku: {clips}."
    ),
    "Mean ± standard deviation over {seeds} seeds.": "Średnia ± odchylenie standardowe z {seeds} ziaren.",
    "What has one seed with its {confidence} confidence interval.": (
        "Wartości z jednego ziarna z {confidence} przedziałem ufności."
    ),
    "One seed.": "Jedno ziarno.",
    "One seed. With the {confidence} confidence interval over clips (not over trainings).": (
        "Jedno ziarno. Z {confidence} przedziałem ufności po klipach (a nie po uczeniach)."
    ),
    "Best in bold.": "Najlepsze wyniki pogrubiono.",
    "Held-out real clips are the floor, reconstructed test clips what the decoder can do.": (
        "Odłożone klipy rzeczywiste wyznaczają dolną granicę, a zrekonstruowane klipy testowe możliwości dekodera."
    ),
    "External systems were not trained here; their clips come from a folder.": (
        "Systemów zewnętrznych nie uczono tutaj; ich klipy pochodzą z folderu."
    ),
    "The prior's negative log-likelihood compares within one autoencoder only.": (
        "Ujemny logarytm wiarygodności rozkładu a priori porównuje się tylko w obrębie jednego autoenkodera."
    ),
    "p: of a permutation test against the reference, with one clip of each source.": (
        "p: z testu permutacyjnego względem zbioru odniesienia, po jednym klipie z każdego źródła."
    ),
    "† Too few clips for the dimension of the embedding: most of it is bias, which compares at equal n only.": (
        "† Za mało klipów na wymiar osadzenia: wartość to głównie obciążenie, porównywalne tylko przy równym n."
    ),
    "{metric} of every arm against {baseline} with the same prior, dataset {dataset}.": (
        "{metric} każdego wariantu względem {baseline} z tym samym rozkładem a priori, zbiór danych {dataset}."
    ),
    "Means and differences over {seeds} seeds, {confidence} t intervals; paired by seed, Student's test.": (
        "Średnie i różnice z {seeds} ziaren, {confidence} przedziały t; pary według ziarna, test t Studenta."
    ),
    "One seed: differences with {confidence} intervals over clips (not over trainings), by reference clips.": (
        "Jedno ziarno: różnice z {confidence} przedziałami po klipach (a nie po uczeniach), "
        "w parach według klipów odniesienia."
    ),
    "p-values are corrected by Holm's method for the {comparisons} comparisons of a column.": (
        "Wartości p skorygowano metodą Holma (liczba porównań w kolumnie: {comparisons})."
    ),
    "Factorial, dataset {dataset}: every prior on every autoencoder, the best of each row in bold.": (
        "Plan czynnikowy, zbiór danych {dataset}: każdy rozkład a priori w każdym autoenkoderze, najlepszy w wierszu "
        "pogrubiono."
    ),
    "Rate and distortion, dataset {dataset}: KL of validation clips, MR-STFT of reconstructed test clips.": (
        "Szybkość i zniekształcenie, zbiór danych {dataset}: KL klipów walidacyjnych, "
        "MR-STFT zrekonstruowanych klipów testowych."
    ),
}

# Headings of tables, of their columns, and of rows that no one named in `params.yaml`.
_HEADINGS = {
    "Quality": "Jakość",
    "Distances without bias": "Odległości bez obciążenia",
    "Fidelity and coverage": "Wierność i pokrycie",
    "Diversity and memorisation": "Różnorodność i zapamiętywanie",
    "{metric} against {baseline}": "{metric} względem {baseline}",
    "Reconstruction": "Rekonstrukcja",
    "Autoencoders": "Autoenkodery",
    "Factorial": "Plan czynnikowy",
    "Rate and distortion": "Szybkość i zniekształcenie",
    "autoencoder": "autoenkoder",
    "prior": "rozkład a priori",
    "real (floor)": "rzeczywiste (granica)",
    "reconstruction": "rekonstrukcja",
    "external": "zewnętrzny",
    "mean {metric}": "średnie {metric}",
    "difference": "różnica",
    "low": "od",
    "high": "do",
    "p (Holm)": "p (Holm)",
}

# The page in Markdown.
_README = {
    "Results of the plan {plan}": "Wyniki planu {plan}",
    "Every number below is in [results.csv](results.csv), {rows} rows. The tables are there as Markdown, LaTeX and "
    "CSV, the figures as PNG and PDF. Written by the `report` stage: change the plan, not this page.": (
        "Każda liczba jest w pliku [results.csv](results.csv) (liczba wierszy: {rows}). Tabele są zapisane jako "
        "Markdown, LaTeX i CSV, a rysunki jako PNG i PDF. Stronę pisze etap `report`: zmień plan, nie stronę."
    ),
    "plan": "plan",
    "datasets": "zbiory danych",
    "autoencoders": "autoenkodery",
    "priors": "rozkłady a priori",
    "seeds": "ziarna",
    "budget of each autoencoder": "budżet każdego autoenkodera",
    "{steps} steps of {clips} clips": "kroki: {steps}, klipy w kroku: {clips}",
    "trained on": "uczono na",
    "code": "kod",
}

# Axes of figures and what is said of a figure that cannot be seen.
_FIGURES = {
    "Fréchet audio distance of every arm of {dataset}": "Odległość Frécheta (FAD) każdego wariantu, zbiór {dataset}",
    "FAD and KID of every prior on every autoencoder of {dataset}; dashed: reconstructions": (
        "FAD i KID każdego rozkładu a priori w każdym autoenkoderze zbioru {dataset}; linie przerywane: rekonstrukcje"
    ),
    "Reconstruction and Fréchet audio distance against KL of every training of {dataset}": (
        "Rekonstrukcja i odległość Frécheta (FAD) względem KL każdego uczenia, zbiór {dataset}"
    ),
    "FAD ({embedding})": "FAD ({embedding})",
    "FAD ({embedding}) of {prior}, hollow: of reconstructions": "FAD ({embedding}) {prior}, puste: rekonstrukcji",
}

# Titles of metrics, as `flowshot.report.registry` gives them.
_METRICS = {
    "FAD": "FAD",
    "KID ×10³": "KID ×10³",  # noqa: RUF001
    "prior NLL (nats)": "NLL a priori (naty)",
    "prior NLL (bits/dimension)": "NLL a priori (bity/wymiar)",
    "clips/s": "klipy/s",
    "shared tone (dB)": "wspólny ton (dB)",
    "FAD-infinity": "FAD-nieskończoność",
    "KAD ×10³": "KAD ×10³",  # noqa: RUF001
    "p (KID)": "p (KID)",
    "p (KAD)": "p (KAD)",
    "precision": "precyzja",
    "recall": "czułość",
    "density": "gęstość",
    "coverage": "pokrycie",
    "Vendi": "Vendi",
    "label diversity": "różnorodność etykiet",
    "authenticity": "autentyczność",
    "training distance": "odległość od uczących",
    "MR-STFT": "MR-STFT",
    "LSD (dB)": "LSD (dB)",
    "SI-SDR (dB)": "SI-SDR (dB)",
    "envelope correlation": "korelacja obwiedni",
    "KL (nats)": "KL (naty)",
    "mutual information (nats)": "informacja wzajemna (naty)",
    "marginal KL (nats)": "brzegowa KL (naty)",
    "active units": "aktywne jednostki",
    "generalisation gap (loss)": "luka generalizacji (strata)",
    "parameters": "parametry",
    "training (s)": "uczenie (s)",
}

POLISH = {**_CAPTIONS, **_HEADINGS, **_README, **_FIGURES, **_METRICS, **PAGE}
